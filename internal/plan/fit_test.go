package plan

import (
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/conf"
)

// TestFit: a key that can have no effect on an entry is left out, and the entry is
// served. A warning says so, unless the key is for every entry and nobody can rely on it.
func TestFit(t *testing.T) {
	t.Parallel()
	const (
		cat  = "7001 stream tcp4 nowait - /bin/cat\n"
		unix = "@s stream unix nowait - /bin/cat\n"
		echo = "7002 stream tcp4 nowait - internal echo\n"
		udp  = "7003 dgram udp4 wait - internal echo\n"

		demand = "7005 on protocol = tcp4, user = -, exec = /bin/cat, connect = 127.0.0.1:9;\n7006 on protocol = tcp4, user = -, exec = /bin/cat, connect = 127.0.0.1:8;\n"
	)
	for _, tt := range []struct {
		name, text string
		keys       []string // in force, by entry
		says       string
	}{
		{"idle_time for every entry", cat + unix + "* with idle_time = 5s;\n", []string{"idle_time", ""},
			"3: warning: @s: idle_time has no effect: the kernel does not tell when a UNIX-domain socket was used last; max_time ends a server however busy it is"},
		{"pty for every entry", cat + "7004 stream tcp4 wait - /bin/cat\n* with pty = yes;\n", []string{"pty", ""},
			"3: warning: 7004/tcp4: pty has no effect: a terminal is for a server that has a connection of its own"},
		{"all for every entry", cat + echo + udp + "* with umask = 077, max_time = 1s, accept_max = 7;\n", []string{"accept_max max_time umask", "accept_max max_time", "accept_max"}, ""},
		{"for a builtin", echo + "7002 with umask = 077, linger = 1s, idle_time = 5s;\n", []string{"idle_time"}, `
2: warning: 7002/tcp4: umask has no effect: an internal service has no server program
2: warning: 7002/tcp4: linger has no effect: an internal service has no server program`},
		{"for datagrams of a builtin", udp + "7003 with max_time = 1s, penalty = crash:1s, deny = 10.0.0.0/8;\n", []string{"deny"}, `
2: warning: 7003/udp4: max_time has no effect: a datagram of an internal service is answered at once
2: warning: 7003/udp4: penalty has no effect: a datagram of an internal service is answered at once`},
		{"with connect for every entry", cat + "* with start_time = 5s;\n", []string{""}, ""},
		{"with connect for one", cat + "7001 with start_time = 5s;\n", []string{""},
			"2: warning: 7001/tcp4: start_time has no effect: it is for entries with connect"},
		{"for a relay", "7001 on protocol = tcp4, connect = 127.0.0.1:9, env = A=b;\n* with nice = 3, allow = 127.0.0.0/8;\n", []string{"allow connect"},
			"1: warning: 7001/tcp4: env has no effect: there is no server"},
		{"stderr for a relay among others", "7001 on protocol = tcp4, connect = 127.0.0.1:9;\n* with stderr = /nowhere/log;\n", []string{"connect"}, ""},
		{"stderr of a server on demand", demand + "7005 with stderr = null;\n" + "7006 with stderr = log;\n", []string{"stderr connect", "connect"},
			"4: warning: 7006/tcp4: stderr has no effect: of a server on demand its last line is logged if it fails; for all lines write a file"},
	} {
		dir := t.TempDir()
		path := write(t, filepath.Join(dir, "f"), strings.ReplaceAll(tt.text, "DIR", dir))
		p := Load(&Config{Files: []string{path}, Explicit: true}, &Host{Clone: true})
		var says []string
		for _, pr := range p.Problems {
			q := pr.Public()
			q.Pos.Col = 0
			says = append(says, strings.NewReplacer(path+":", "", dir, "DIR").Replace(q.Pos.String()+": "+q.Severity.String()+": "+q.Text+hint(q)))
		}
		if got := strings.Join(says, "\n"); got != strings.TrimPrefix(tt.says, "\n") {
			t.Errorf("%s: says\n%s\nwant\n%s", tt.name, got, tt.says)
		}
		for i, v := range p.Services {
			var keys []string
			for _, a := range v.Asks {
				keys = append(keys, a.Key)
			}
			if got := strings.Join(keys, " "); i >= len(tt.keys) || got != tt.keys[i] {
				t.Errorf("%s: %s has %q", tt.name, v.Label, got)
			}
		}
		if len(p.Services) != len(tt.keys) {
			t.Errorf("%s: %d services", tt.name, len(p.Services))
		}
	}
}

func hint(p conf.Problem) string {
	if p.Hint == "" {
		return ""
	}
	return "; " + p.Hint
}

// TestFitShares: entries that share their keys still do after fit has removed some.
func TestFitShares(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - internal echo\n7002 stream tcp4 nowait - internal echo\n* with umask = 077, max_time = 1s;\n")
	p := Load(&Config{Files: []string{path}, Explicit: true}, &Host{Clone: true})
	if len(p.Services) != 2 || &p.Services[0].Asks[0] != &p.Services[1].Asks[0] {
		t.Errorf("%d services have keys of their own", len(p.Services))
	}
}

// TestAsks: of many values only the first ones are shown, and the number of all.
func TestAsks(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - /bin/cat\n* with deny = "+strings.Repeat("192.168.1.0/24 ", 100)+", env = A='b c';\n")
	p := Load(&Config{Files: []string{path}, Explicit: true}, &Host{Clone: true})
	asks := p.Services[0].Asks
	if len(asks) != 2 || asks[0].Text != `env = "A=b c"` || asks[1].Text != "deny = 192.168.1.0/24 192.168.1.0/24 192.168.1.0/24 ... (100 values)" || asks[1].Place() != path+":2" {
		t.Errorf("%+v", asks)
	}
}

// TestCheckRights: a plain user is told once for each key that only root's daemon obeys.
func TestCheckRights(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "f"), "127.0.0.1:7001 stream tcp4 nowait - /bin/cat\n127.0.0.1:7002 stream tcp4 nowait - /bin/cat\n* with chroot = /;\n7002 with nice = -1;\n127.0.0.1:7003 on protocol = tcp4, wait = no, user = -, exec = /bin/cat, oom_score = -5, chroot = /;\n")
	const beyond = "5:74: hint: 7003/tcp4: oom_score: below 0 it takes a daemon with CAP_SYS_RESOURCE, and you do not have its rights"
	for uid, want := range map[int]string{
		0:    beyond,
		4711: "3:8: hint: 7001/tcp4: chroot: it takes a daemon started by root, and you do not have its rights\n" + beyond,
	} {
		var got []string
		for _, p := range inspected(checkConfig(path), uid).Problems {
			got = append(got, strings.TrimPrefix(p.String(), path+":"))
		}
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("uid %d:\n%s\nwant\n%s", uid, text, want)
		}
	}
}
