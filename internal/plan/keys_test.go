package plan

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestGranted: what the kernel or the daemon's privileges cannot give is an error of
// the entry, at the place of the key.
func TestGranted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keys string
		host Host
		says string // "": nothing, and the service is there
	}{
		{"oom_score = -1", Host{Clone: true, MinOOMScore: -1000}, ""},
		{"oom_score = -1", Host{Clone: true}, "oom_score: below 0 it takes a daemon with CAP_SYS_RESOURCE, service ignored"},
		{"oom_score = 100", Host{Clone: true, MinOOMScore: 200}, "oom_score: below 200 it takes a daemon with CAP_SYS_RESOURCE, service ignored"},
		{"oom_score = 200", Host{Clone: true, MinOOMScore: 200}, ""},
		{"nice = -1", Host{Clone: true, UID: 1}, "nice: only root may give a value below its own, service ignored"},
		{"chroot = /", Host{Clone: true, UID: 1}, "chroot: it takes a daemon started by root, service ignored"},
		{"umask = 077", Host{}, "umask: this kernel has no clone3, and without it a server can be given nothing but its identity and environment, service ignored"},
		{"rlimit_core = 0", Host{}, "rlimit_core: this kernel has no clone3, and without it a server can be given nothing but its identity and environment, service ignored"},
		{"env = A=1, max_time = 1s, linger = 1s", Host{}, ""},
	} {
		file := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - /bin/cat\n* with "+tt.keys+";\n")
		p := Load(&Config{Files: []string{file}, Explicit: true}, &tt.host)
		var says []string
		for _, pr := range p.Problems {
			says = append(says, strings.TrimPrefix(pr.Public().Text, "7001/tcp4: "))
			if pr.Pos.Line != 2 || pr.Pos.Col != 8 {
				t.Errorf("%s: it is reported at %v", tt.keys, pr.Pos)
			}
		}
		if got := strings.Join(says, "\n"); got != tt.says || (tt.says == "") != (len(p.Services) == 1) {
			t.Errorf("%s: %q, %d services, want %q", tt.keys, got, len(p.Services), tt.says)
		}
	}
}
