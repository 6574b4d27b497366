package plan

import (
	"strings"
	"testing"
	"unsafe"

	"inetd/internal/conf"
)

// TestKeptOnce: of entries whose keys differ in one value only that is kept twice.
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
	same("network", a.Connect.Network, b.Connect.Network)
	if a.Connect.Address != "127.0.0.1:1" || b.Connect.Address != "127.0.0.1:2" {
		t.Errorf("places %v and %v", a.Connect, b.Connect)
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

// TestKeptIsNoPart: what is kept is no part of a longer text, which would be kept with it.
func TestKeptIsNoPart(t *testing.T) {
	t.Parallel()
	m := newKept()
	file := "user /bin/true true x"
	do := m.action(Action{User: User{Name: file[:4]}, Path: file[5:14], Argv: file[15:]})
	for _, s := range []string{do.User.Name, do.Path, do.Argv} {
		at, begin := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(file)))
		if at >= begin && at < begin+uintptr(len(file)) {
			t.Errorf("%q is a part of the file", s)
		}
	}
	if do.User.Name != "user" || do.Path != "/bin/true" || do.Argv != "true x" {
		t.Errorf("%+v", do)
	}
}
