package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	streamEntry  = entry{addr: "127.0.1.3", port: 20000, program: "/c/bin/tiny"}
	dgramEntry   = entry{addr: "127.0.1.3", port: 20001, program: "/c/bin/tinydgram", dgram: true}
	builtinEntry = entry{addr: "127.0.1.3", port: 19, builtin: "chargen"}
)

func TestClassic(t *testing.T) {
	t.Parallel()
	want := "127.0.1.3:20000\tstream\ttcp\tnowait\troot\t/c/bin/tiny tiny\n" +
		"127.0.1.3:20001\tdgram\tudp\twait\troot\t/c/bin/tinydgram tinydgram\n" +
		"127.0.1.3:chargen\tstream\ttcp\tnowait\troot\tinternal\n"
	got := classic([]entry{streamEntry, dgramEntry, builtinEntry})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestXinetd(t *testing.T) {
	t.Parallel()
	got := xinetd([]entry{streamEntry, dgramEntry, builtinEntry})
	if n := strings.Count(got, "\n}\n"); n != 4 {
		t.Errorf("%d blocks, want the defaults and 3 services:\n%s", n, got)
	}
	for _, want := range []string{
		"service s0\n{\n\tid = s0-stream\n\ttype = UNLISTED\n\tport = 20000\n\tserver = /c/bin/tiny\n\tbind = 127.0.1.3\n",
		"\tsocket_type = dgram\n\tprotocol = udp\n\twait = yes\n",
		"service chargen\n{\n\tid = chargen-stream\n\ttype = INTERNAL\n\tbind",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestUnable(t *testing.T) {
	t.Parallel()
	here := filepath.Join(t.TempDir(), "daemon")
	if err := os.WriteFile(here, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	full := peer{binary: here, config: classic, dgram: true, builtins: true}
	single := peer{binary: here}
	for _, tt := range []struct {
		name    string
		peer    peer
		entries []entry
		want    string
	}{
		{"can", full, []entry{dgramEntry}, ""},
		{"not there", peer{binary: here + "x", config: classic}, []entry{streamEntry}, "not there"},
		{"one port", single, []entry{streamEntry, streamEntry}, ""},
		{"many ports", single, make([]entry, 3), "serves one port a process"},
		{"dgram", single, []entry{dgramEntry}, "serves no UDP"},
		{"builtin", single, []entry{builtinEntry}, "has no builtins"},
	} {
		if got := tt.peer.unable(tt.entries); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestChooseKeepsTheReference(t *testing.T) {
	t.Parallel()
	chosen, err := choose(allPeers(&cache{dir: "/c"}, "bin/inetd"), []string{"busybox"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{referenceName, "busybox"}, names(chosen)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := choose(chosen, []string{"launchd"}); err == nil {
		t.Error("an unknown daemon is no error")
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string // in the error; "" if there is none
	}{
		{nil, ""},
		{[]string{"-quick", "-only", "burst,dgram", "-peers", "busybox"}, ""},
		{[]string{"-only", "burst,speed"}, `unknown measure "speed"`},
		{[]string{"-rounds", "0"}, "nothing to do"},
		{[]string{"-window", "-1s"}, "nothing to do"},
		{[]string{"everything"}, `unexpected operand "everything"`},
	} {
		o, err := parse(tt.args, io.Discard)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: error %v, want %q", tt.args, err, tt.want)
		case err == nil && !filepath.IsAbs(o.inetd):
			t.Errorf("%q: our daemon at %q, want an absolute path", tt.args, o.inetd)
		}
	}
}

func TestLastLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""}, {"one", "one"}, {"one\ntwo\n\n", "two"},
	} {
		if got := lastLine([]byte(tt.text)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
