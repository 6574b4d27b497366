package plan

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"inetd/internal/conf"
)

// TestKeptOnce: if the keys of two entries differ in one value, all else is stored once.
func TestKeptOnce(t *testing.T) {
	t.Parallel()
	m := newKept()
	keys := func(at string) *conf.Keys {
		word := func(s string) conf.Word {
			return conf.Word{Text: strings.Clone(s), Pos: conf.Pos{File: strings.Clone("x.conf"), Line: 1}}
		}
		return &conf.Keys{Stderr: strings.Clone("log"), Connect: conf.Place{Network: "tcp", Address: at}, Options: []conf.Option{
			{Key: word("stderr"), Values: []conf.Word{word("log")}}, {Key: word("connect"), Values: []conf.Word{word(at)}},
		}}
	}
	here, there := keys("127.0.0.1:1"), keys("127.0.0.1:2")
	a, b := m.lean(here), m.lean(there)
	same := func(what, x, y string) {
		if x != y || unsafe.StringData(x) != unsafe.StringData(y) {
			t.Errorf("%s: %q and %q", what, x, y)
		}
	}
	same("value", a.Stderr, b.Stderr)
	if a.Connect != (conf.Place{}) {
		t.Errorf("the place %v is kept twice", a.Connect)
	}
	do, other := m.action(Action{Connect: here.Connect}), m.action(Action{Connect: there.Connect})
	same("network", do.Connect.Network, other.Connect.Network)
	if do.Connect.Address != "127.0.0.1:1" || other.Connect.Address != "127.0.0.1:2" {
		t.Errorf("places %v and %v", do.Connect, other.Connect)
	}
	if &a.Options[0] != &b.Options[0] || !a.Has("connect") || a.Has("wake") {
		t.Errorf("options %v and %v", a.Options, b.Options)
	}
	asked, also := m.asksOf(here), m.asksOf(there)
	same("key", asked[0].Key, also[0].Key)
	same("text", asked[0].Text, also[0].Text)
	same("file", asked[0].At.File, also[1].At.File)
	if asked[1].Text != "connect = 127.0.0.1:1" || also[1].Text != "connect = 127.0.0.1:2" {
		t.Errorf("asked %v and %v", asked, also)
	}
}

// TestPlacesShareKeys: entries that differ only in the place of connect share their keys,
// but have actions of their own. An entry without connect has other keys.
func TestPlacesShareKeys(t *testing.T) {
	t.Parallel()
	p := loadText(t, nil, `
127.0.0.1:7001 on protocol = tcp, wait = no, user = -, exec = /bin/cat, accept_max = 5, connect = 127.0.0.1:1;
127.0.0.1:7002 on protocol = tcp, wait = no, user = -, exec = /bin/cat, accept_max = 5, connect = 127.0.0.1:2;
127.0.0.1:7003 on protocol = tcp, wait = no, user = -, exec = /bin/cat, accept_max = 5;
127.0.0.1:7004 on protocol = tcp, wait = no, user = -, exec = /bin/cat, connect = 127.0.0.1:2;
127.0.0.1:7005 on protocol = tcp, wait = no, user = -, exec = /bin/cat, accept_max = 5, connect = 127.0.0.1:2;
`)
	var do []*Action
	for _, v := range p.Services {
		do = append(do, v.Do)
	}
	if len(do) != 5 {
		t.Fatalf("%d services: %v", len(do), p.Problems)
	}
	keys := func(i int) *conf.Keys { return p.Keys[do[i].Keys] }
	if keys(0) == nil || keys(0) != keys(1) || do[0] == do[1] || do[0].Connect == do[1].Connect {
		t.Errorf("two places: %+v, %+v", do[0], do[1])
	}
	if do[4] != do[1] {
		t.Errorf("one place: %+v, %+v", do[4], do[1])
	}
	if keys(2) == keys(0) || do[2].Connect != (conf.Place{}) || keys(3) == keys(0) || keys(3) == nil {
		t.Errorf("other keys: %+v, %+v", keys(2), keys(3))
	}
}

// TestKeptIsNoPart: what is kept of an entry shares no memory with the text of its file,
// which would be kept with it.
func TestKeptIsNoPart(t *testing.T) {
	t.Parallel()
	file := strings.Repeat("text of a configuration file ", 8)
	begin := uintptr(unsafe.Pointer(unsafe.StringData(file)))
	a, k := &Action{}, &conf.Keys{Options: make([]conf.Option, 1), Groups: make([]string, 1), Env: make([]string, 1), PassEnv: make([]string, 1), Allow: make([]conf.Client, 1)}
	for _, v := range []any{a, k} {
		if n := eachText(reflect.ValueOf(v), func(s reflect.Value) { s.SetString(file[5:9]) }); n < 10 {
			t.Fatalf("%T has %d texts", v, n)
		}
	}
	m := newKept()
	do, lean := m.action(*a), m.lean(k)
	k.Options[0].Key.Text = "allow"
	for _, kept := range []any{do, lean, GuardOf(k)} {
		eachText(reflect.ValueOf(kept), func(s reflect.Value) {
			if at := uintptr(unsafe.Pointer(unsafe.StringData(s.String()))); at >= begin && at < begin+uintptr(len(file)) {
				t.Errorf("%T: %q is a part of the file", kept, s)
			}
		})
	}
	if *do != *a || lean.Env[0] != k.Env[0] || lean.PassEnv[0] != k.PassEnv[0] || lean.Groups[0] != k.Groups[0] {
		t.Errorf("%+v of %+v, %+v of %+v", do, a, lean, k)
	}
	if none := m.lean(&conf.Keys{Groups: []string{}}); none.Groups == nil || none.Env != nil {
		t.Errorf("of no groups and no variables: %#v", none)
	}
}

// eachText calls f with each string in a value, and returns how many there are.
func eachText(v reflect.Value, f func(reflect.Value)) (n int) {
	switch v.Kind() {
	case reflect.String:
		f(v)
		return 1
	case reflect.Pointer:
		return eachText(v.Elem(), f)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += eachText(v.Field(i), f)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += eachText(v.Index(i), f)
		}
	}
	return n
}
