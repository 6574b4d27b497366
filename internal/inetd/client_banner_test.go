package inetd

import (
	"strings"
	"testing"
)

// TestBanners: clients are sent the texts of their entry, whether they are served or not.
func TestBanners(t *testing.T) {
	if !apart(t) {
		return
	}
	const all = "banner = DIR/first, banner_success = DIR/yes, banner_fail = DIR/no"
	mux := "127.0.0.1:PORT stream tcp nowait - internal tcpmux\ntcpmux/x on protocol = tcp, wait = no, user = -, exec = /bin/echo, args = echo served, "
	for _, tt := range []struct{ name, conf, says, want string }{
		{"served", keyed("-", all, "head -n 1 >/dev/null; echo served"), "x\n", "first\nyes\nserved\n"},
		{"by a builtin", "127.0.0.1:PORT on protocol = tcp, exec = internal, args = echo, " + all + ";\n", "x\n", "first\nyes\nx\n"},
		{"asked about", keyed("-", "wrap = yes, "+all, "head -n 1 >/dev/null; echo served"), "x\n", "first\nyes\nserved\n"},
		{"refused", keyed("-", "deny = 127.0.0.2, "+all, "echo served"), strings.Repeat("x\n", 20000), "first\nno\n"},
		{"refused by hosts.deny", keyed("-", "wrap = yes, wrap_name = other, "+all, "echo served"), "x\n", "first\nno\n"},
		{"refused without a text", keyed("-", "deny = 127.0.0.2, banner = DIR/first", "echo served"), strings.Repeat("x\n", 20000), "first\n"},
		{"refused with another text", keyed("-", `refuse = "other\n", deny = 127.0.0.2, `+all, "echo served"), "x\n", "first\nother\n"},
		{"no such file", keyed("-", "banner = DIR/none, banner_fail = DIR/none", "head -n 1 >/dev/null; echo served"), "x\n", "served\n"},
		{"tcpmux", mux + all + ";\n", "x\r\n", "yes\nserved\n"},
		{"refused by tcpmux", mux + "deny = 127.0.0.2, " + all + ";\n", "x\r\n", "no\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, nil)
			for name, text := range map[string]string{"first": "first\n", "yes": "yes\n", "no": "no\n", "deny": "other: ALL\n"} {
				sc.write(name, text)
			}
			sc.start()
			if got := sc.visit(stranger, tt.says); got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
			for sc.s.draining.Len() > 0 {
				sc.s.turn()
			}
		})
	}
}

// TestBannersUnread: a text that cannot be sent is reported, and costs nothing else.
func TestBannersUnread(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, tt := range []struct{ keys, log string }{
		{"wait = no, banner = DIR/none", `: banner DIR/none: No such file or directory, so nothing is sent \(DIR/inetd\.conf:1:`},
		{"wait = no, banner_fail = DIR/long", `: banner_fail DIR/long: .*, so nothing is sent \(`},
		{"wait = no, banner_success = DIR", `: banner_success DIR: .*, so nothing is sent \(`},
		{"wait = yes, banner = DIR/long", `: banner has no effect: a text is sent on a connection that the daemon accepts \(`},
	} {
		sc := newScene(t, "127.0.0.1:PORT on protocol = tcp, user = -, exec = /bin/cat, "+tt.keys+";\n", nil)
		sc.write("long", strings.Repeat("x", 4097))
		sc.start()
		if n := len(sc.s.now.Services); n != 1 {
			t.Errorf("%s: %d services", tt.keys, n)
		}
		sc.wantLog(tt.log)
	}
}
