package plan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/hosts"

	"golang.org/x/sys/unix"
)

// TestGranted: a key that takes a newer kernel or more privileges is an error of the
// entry, at the place of the key.
func TestGranted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		keys string
		host Host
		says string // "": no problem, and the service is in the plan
	}{
		{"oom_score = -1", Host{Clone: true, MinOOMScore: -1000}, ""},
		{"oom_score = -1", Host{Clone: true}, "oom_score: below 0 it takes a daemon with CAP_SYS_RESOURCE, service ignored"},
		{"oom_score = 100", Host{Clone: true, MinOOMScore: 200}, "oom_score: below 200 it takes a daemon with CAP_SYS_RESOURCE, service ignored"},
		{"oom_score = 200", Host{Clone: true, MinOOMScore: 200}, ""},
		{"nice = -1", Host{Clone: true, UID: 1}, "nice: only root may give a value below its own, service ignored"},
		{"chroot = /", Host{Clone: true, UID: 1}, "chroot: it takes a daemon started by root, service ignored"},
		{"rlimit_core = 200", Host{Clone: true, HardLimits: coreLimit(100)}, ""},
		{"rlimit_core = 200", Host{Clone: true, UID: 1}, ""},
		{"rlimit_core = 100", Host{Clone: true, UID: 1, HardLimits: coreLimit(100)}, ""},
		{"rlimit_core = 200", Host{Clone: true, UID: 1, HardLimits: coreLimit(100)}, "rlimit_core: only root may raise the hard limit of the daemon, 100, service ignored"},
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

// coreLimit is the hard limits of a daemon, with a bound on core files alone.
func coreLimit(n uint64) []uint64 {
	limits := slices.Repeat([]uint64{unix.RLIM_INFINITY}, len(conf.RlimitNames))
	limits[slices.Index(conf.RlimitNames[:], "core")] = n
	return limits
}

// TestProcessors: a warning says so if the machine has none of the processors of the key
// cpus.
func TestProcessors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cpus, says string
		has        int
	}{
		{"2", "this machine has 2 processors, from number 0", 2},
		{"1 2", "", 2},
		{"2", "", 0},
	} {
		file := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - /bin/cat\n* with cpus = "+tt.cpus+";\n")
		p := Load(&Config{Files: []string{file}, Explicit: true}, &Host{Clone: true, CPUs: tt.has})
		says := ""
		for _, pr := range p.Problems {
			says += strings.TrimPrefix(pr.Public().Text, "7001/tcp4: ")
		}
		if says != tt.says || len(p.Services) != 1 {
			t.Errorf("%s of %d: %q, want %q", tt.cpus, tt.has, says, tt.says)
		}
	}
}

// TestStderrInDirectoryOfAnother: a warning says so if somebody else can replace a
// directory of the path, and so have servers write into another file.
func TestStderrInDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755))
	for name, mode := range map[string]os.FileMode{"closed": 0o755, "open": 0o777, "sticky": 0o777 | os.ModeSticky, "theirs": 0o755} {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, name), 0o755), os.Chmod(filepath.Join(dir, name), mode))
	}
	if os.Getuid() == 0 {
		err = errors.Join(err, os.Chown(filepath.Join(dir, "theirs"), 12345, -1))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"closed": "", "sticky": "",
		"open":   "everybody can write to directory DIR/open of the path and put another file there",
		"theirs": "directory DIR/theirs of the path belongs to uid 12345, who can put another file there",
	} {
		if name == "theirs" && os.Getuid() != 0 {
			continue // only root can give a directory away
		}
		file := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - /bin/cat\n* with stderr = "+filepath.Join(dir, name, "log")+";\n")
		p := Load(&Config{Files: []string{file}, Explicit: true}, &Host{Clone: true, UID: os.Getuid()})
		got := ""
		for _, pr := range p.Problems {
			got += strings.TrimPrefix(strings.ReplaceAll(pr.Public().Text, dir, "DIR"), "7001/tcp4: stderr DIR/"+name+"/log: ")
		}
		if got != want || len(p.Services) != 1 {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestBoundsOfNobody: keys for server programs ask nothing of the daemon for an internal
// service.
func TestBoundsOfNobody(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"nice = -5", "rlimit_nofile = unlimited"} {
		c := checkConfig(write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp nowait - internal echo\n* with "+key+";\n"))
		p := Load(&c, &Host{UID: 1000, Clone: true, Hosts: hosts.New(lookup), Getent: noGetent})
		if len(p.Services) != 1 {
			t.Errorf("%s: not served: %q", key, lines(p.Problems))
		}
	}
}
