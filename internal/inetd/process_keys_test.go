package inetd

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// keyed returns an entry with keys. Its server is a shell that runs command.
func keyed(user, keys, command string) string {
	return fmt.Sprintf("127.0.0.1:PORT on protocol = tcp, wait = no, user = %s, exec = /bin/sh, args = sh -c \"%s\", %s;\n", user, command, keys)
}

// TestKeys: a server finds what the keys of its entry ask for.
func TestKeys(t *testing.T) {
	if !apart(t) {
		return
	}
	const limits = "cat /proc/self/limits"
	root := os.Geteuid() == 0
	for _, tt := range []struct {
		name, user, keys, command string
		root                      bool
		want                      string // a regular expression
	}{
		{"umask", "-", "umask = 027", "umask", false, `^0027$`},
		{"oom_score", "-", "oom_score = 700", "cat /proc/$$/oom_score_adj", false, `^700$`},
		{"nice", "-", "nice = 3", "cut -d' ' -f19 /proc/self/stat", false, fmt.Sprintf(`^%d$`, niceness()+3)},
		{"ioprio", "-", "ioprio = idle", "ionice -p $$", false, `^idle$`},
		{"cpus", "-", "cpus = 0", "grep Cpus_allowed_list /proc/self/status", false, `^Cpus_allowed_list:\t0$`},
		{"directory", "-", "directory = /usr", "pwd", false, `^/usr$`},
		{"env", "-", "env = A=1 TZ=X", "env | sort", false, `(?ms)^A=1$.*^TZ=X$`},
		{"env beside the rest", "-", "env = A=1", "echo $PROTO $A $REMOTE_ADDR", false, `^TCP 1 127\.0\.0\.2$`},
		{"pass_env", "-", "pass_env = KEYS_TEST, env = A=1", "echo $KEYS_TEST/$KEYS_OTHER/$A", false, `^yes//1$`},
		{"remote_host", "-", "remote_host = yes", "echo $REMOTE_HOST", false, `^127\.0\.0\.2$`},
		{"no remote_host", "-", "umask = 022", "echo $REMOTE_HOST.", false, `^\.$`},
		{"no_new_privs", "-", "no_new_privs = yes", "grep NoNewPrivs /proc/self/status", false, `^NoNewPrivs:\t1$`},
		{"rlimit_as", "-", "rlimit_as = 512m", limits, false, `(?m)^Max address space +536870912 +536870912 `},
		{"rlimit_core", "-", "rlimit_core = 0", limits, false, `(?m)^Max core file size +0 +0 `},
		{"rlimit_cpu", "-", "rlimit_cpu = 7:9", limits, false, `(?m)^Max cpu time +7 +9 `},
		{"rlimit_data", "-", "rlimit_data = 256m", limits, false, `(?m)^Max data size +268435456 +268435456 `},
		{"rlimit_fsize", "-", "rlimit_fsize = 1k", limits, false, `(?m)^Max file size +1024 +1024 `},
		{"rlimit_memlock", "-", "rlimit_memlock = 4k", limits, false, `(?m)^Max locked memory +4096 +4096 `},
		{"rlimit_nofile", "-", "rlimit_nofile = 20:30", limits, false, `(?m)^Max open files +20 +30 `},
		{"rlimit_nproc", "-", "rlimit_nproc = 3000", limits, false, `(?m)^Max processes +3000 +3000 `},
		{"rlimit_rss", "-", "rlimit_rss = 64m", limits, false, `(?m)^Max resident set +67108864 +67108864 `},
		{"rlimit_stack", "-", "rlimit_stack = 1m", limits, false, `(?m)^Max stack size +1048576 +1048576 `},
		{"unlimited", "-", "rlimit_cpu = unlimited", limits, false, `(?m)^Max cpu time +unlimited +unlimited `},
		{"groups no", "nobody", "groups = no", "id -G", true, `^65534$`},
		{"groups", "nobody", "groups = daemon games", "id -G", true, `^65534 1 60$`},
		{"groups of root", "root", "groups = games", "id -G", true, `^0 60$`},
		{"capabilities", "nobody", "capabilities = net_bind_service", "grep CapEff /proc/self/status", true, `^CapEff:\t0000000000000400$`},
		{"chroot", "-", "chroot = /usr, directory = /share", "pwd", true, `^/share$`},
		{"all at once", "nobody", "umask = 077, nice = 1, cpus = 0, directory = /, groups = no, no_new_privs = yes, rlimit_as = 512m, rlimit_core = 0, rlimit_cpu = 9, rlimit_data = 256m, rlimit_fsize = 1m, rlimit_memlock = 4k, rlimit_nofile = 20, rlimit_nproc = 3000, rlimit_rss = 64m, rlimit_stack = 1m, capabilities = net_raw net_admin net_bind_service",
			"umask; id -G; grep CapEff /proc/self/status", true, `^0077\n65534\nCapEff:\t0000000000003400$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.root && !root {
				t.Skip("it takes root")
			}
			t.Setenv("KEYS_TEST", "yes")
			t.Setenv("KEYS_OTHER", "no")
			sc := newScene(t, keyed(tt.user, tt.keys, tt.command), nil)
			sc.start()
			if got := strings.TrimSpace(sc.visit(stranger, "")); !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("%q, want %s; log:\n%s", got, tt.want, sc.end())
			}
		})
	}
}

// TestKeysAmend: keys amend a classic line that is written elsewhere, and a reload that
// changes nothing keeps the service as it is.
func TestKeysAmend(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT with umask = 051;\n* with nice = 1;\n"+shServer+"umask\n", nil)
	sc.start()
	if got := sc.visit(stranger, ""); got != "0051\n" {
		t.Errorf("%q", got)
	}
	var out Outcome
	sc.s.reload(func(o Outcome) { out = o })
	for sc.s.loading {
		sc.s.turn()
	}
	if out.Kept != 1 || len(out.Changed) > 0 {
		t.Errorf("%+v", out)
	}
	sc.write("inetd.conf", "127.0.0.1:PORT with umask = 050;\n"+shServer+"umask\n")
	sc.s.reload(func(o Outcome) { out = o })
	for sc.s.loading {
		sc.s.turn()
	}
	if got := sc.visit(stranger, ""); got != "0050\n" || len(out.Changed) != 1 {
		t.Errorf("%q, %+v", got, out)
	}
}

// TestMaxTime: a server whose time is over is told to end, and killed if it does not; the
// processes that it has started end with it.
func TestMaxTime(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, tt := range []struct{ name, command, log string }{
		{"asked", "sleep 1000", `has run for 100ms, its max_time, and is ended \(.*inetd\.conf:1\)`},
		{"killed", "trap '' TERM; sleep 1000 & sleep 1000; sleep 1000", `has not ended within 100ms and is killed \(.*inetd\.conf:1\)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, keyed("-", "max_time = 100ms, end_time = 100ms", tt.command), nil)
			sc.start()
			// On a busy machine the time may be over before the shell has set its trap.
			for until := time.Now().Add(20 * time.Second); !regexp.MustCompile(tt.log).MatchString(sc.log.String()) && time.Now().Before(until); {
				begun := time.Now()
				sc.visit(stranger, "")
				if d := time.Since(begun); d < 100*time.Millisecond {
					t.Errorf("it ended after %v", d)
				}
				sc.cfg.Log.Flush(20 * time.Second)
			}
			sc.wantLog(tt.log)
		})
	}
}

// TestKeysCostNoOther: a key that cannot be given to a server costs its own service only,
// and is reported with the place of its entry.
func TestKeysCostNoOther(t *testing.T) {
	for _, keys := range []string{"cpus = 1024", "capabilities = net_raw"} {
		sc := newScene(t, "127.0.0.3:PORT on protocol = tcp, wait = no, user = -, exec = /bin/cat, "+keys+";\n"+shServer+"'echo fine'\n", nil)
		sc.start()
		if got := sc.visit(stranger, ""); got != "fine\n" {
			t.Errorf("%s: %q; log:\n%s", keys, got, sc.end())
		}
		sc.wantLog(`, service ignored \(.*inetd\.conf:1:\d+`)
	}
}

// TestKeysRefused: a key that cannot be given is reported at the load, with its place.
func TestKeysRefused(t *testing.T) {
	capabilities := `inetd\.conf:1:\d+; write another user\)$`
	if os.Geteuid() != 0 {
		capabilities = `: capabilities: it takes a daemon started by root, service ignored \(.*inetd\.conf:1:\d+\)$`
	}
	for _, tt := range []struct{ user, keys, log string }{
		{"-", "capabilities = net_raw", capabilities},
		{"-", "groups = nosuchgroup", `unknown group "nosuchgroup", service ignored \(.*inetd\.conf:1:\d+\)`},
		{"-", "directory = /nosuch/dir", `directory /nosuch/dir: No such file or directory \(.*inetd\.conf:1:\d+\)`},
	} {
		sc := newScene(t, keyed(tt.user, tt.keys, "true"), nil)
		sc.start()
		sc.wantLog(tt.log)
	}
}

// TestKeysUngiven: what turns out to be impossible at a start is reported with the key that
// asked for it, and where the key stands.
func TestKeysUngiven(t *testing.T) {
	for _, tt := range []struct{ keys, log string }{
		{"directory = /nosuch/dir", `^.*chdir: No such file or directory: directory = /nosuch/dir at .*inetd\.conf:1 cannot be given \(PORT/tcp from `},
		{"cpus = 1000", `^.*sched_setaffinity: Invalid argument: cpus at .*inetd\.conf:1 cannot be given \(PORT/tcp from `},
	} {
		sc := newScene(t, "127.0.0.1:PORT/tcp with "+tt.keys+", umask = 077;\n127.0.0.1:PORT stream tcp nowait - /bin/cat\n", nil)
		sc.start()
		if got := sc.visit(stranger, ""); got != "" {
			t.Errorf("%q", got)
		}
		sc.wantLog(tt.log)
	}
}
