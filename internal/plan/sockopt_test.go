package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/sock"
)

// sockoptHost has one interface and two congestion controls.
func sockoptHost(uid int) *Host {
	return &Host{
		UID: uid, Clone: true,
		Interfaces:  func() []string { return []string{"lan0"} },
		Congestions: func() []string { return []string{"reno", "cubic"} },
	}
}

// TestSockopt: a load warns of options without effect, and sockets get the others.
func TestSockopt(t *testing.T) {
	t.Parallel()
	common := sock.Tuning{TOS: 16}
	for _, tt := range []struct {
		name, entry, value string
		uid                int
		want               sock.Tuning
		says               string // "": nothing; with a warning the service is still served
	}{
		{"tcp", "7001 stream tcp4 nowait", "nodelay tos:16", 0, sock.Tuning{NoDelay: true, TOS: 16}, ""},
		{"udp", "7001 dgram udp4 wait", "tos:16", 0, common, ""},
		{"udp has no nodelay", "7001 dgram udp4 wait", "nodelay tos:16", 0, common, "warning: 7001/udp4: keepalive, nodelay, congestion, user_timeout and fastopen of sockopt have no effect: they are for tcp"},
		{"a path has none", "/nosuch/x stream unix nowait", "tos:16", 0, sock.Tuning{}, "warning: /nosuch/x: sockopt has no effect: the service has no socket of the Internet"},
		{"a mark", "7001 stream tcp4 nowait", "mark:7", 0, sock.Tuning{Mark: 7}, ""},
		{"a mark takes root", "7001 stream tcp4 nowait", "mark:7", 1, sock.Tuning{}, "error: 7001/tcp4: sockopt mark: it takes a daemon started by root, service ignored"},
		{"no such interface", "7001 stream tcp4 nowait", "device:nosuch0", 0, sock.Tuning{Device: "nosuch0"}, "warning: 7001/tcp4: sockopt device: there is no interface nosuch0"},
		{"an interface", "7001 stream tcp4 nowait", "device:lan0", 0, sock.Tuning{Device: "lan0"}, ""},
		{"an algorithm", "7001 stream tcp4 nowait", "congestion:cubic", 0, sock.Tuning{Congestion: "cubic"}, ""},
		{"no such algorithm", "7001 stream tcp4 nowait", "congestion:nosuch", 0, sock.Tuning{Congestion: "nosuch"}, "warning: 7001/tcp4: sockopt congestion: this kernel does not have nosuch loaded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "f")
			text := "* with sockopt = " + tt.value + ";\n" + tt.entry + " - /bin/cat\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p := Load(&Config{Files: []string{file}, Explicit: true}, sockoptHost(tt.uid))
			var says []string
			for _, pr := range p.Problems {
				if strings.Contains(pr.Text, "sockopt") {
					says = append(says, pr.Severity.String()+": "+pr.Public().Text)
					if pr.Pos.Line != 1 || pr.Pos.Col != 8 {
						t.Errorf("it is reported at %v", pr.Pos)
					}
				}
			}
			if got := strings.Join(says, "\n"); got != tt.says {
				t.Errorf("%q, want %q", got, tt.says)
			}
			if refused := strings.HasPrefix(tt.says, "error"); refused != (len(p.Services) == 0) {
				t.Fatalf("%d services", len(p.Services))
			} else if !refused && p.Services[0].Do.Options.Tuning != tt.want {
				t.Errorf("%+v, want %+v", p.Services[0].Do.Options.Tuning, tt.want)
			}
		})
	}
}
