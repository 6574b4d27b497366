package plan

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckSays compares the problems that --check reports, without the blocks of entries.
func TestCheckSays(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"-l does not check who a wait server accepts", "7001 stream tcp4 wait root:0 /bin/cat\n", ``},
		{"nor a UNIX-domain socket", "@x stream unix nowait root:0 /bin/cat\n", ``},
		{"but it checks these", "7001 stream tcp4 nowait root:0 /bin/cat\n", `
f:1:1: hint: 7001/tcp4: runs as root and lets every address in; -l, tcpd or an address before the service would limit that`},

		{"a server that is nowhere", "7001 stream tcp4 nowait 65001:65001 no-such-server\n", `
f:1:37: warning: 7001/tcp4: server no-such-server is in none of /usr/sbin, /usr/bin, /sbin and /bin`},

		{"a server that only a shell would find", "7001 stream tcp4 nowait 65001:65001 ~/server\n", `
f:1:37: warning: 7001/tcp4: server ~/server begins with what means something to a shell alone; write the whole path
f:1:37: warning: 7001/tcp4: server ~/server: No such file or directory`},

		{"a directory that is missing", "DIR/none/x stream unix nowait OWN /bin/cat\n", `
f:1:1: warning: DIR/none/x: directory DIR/none of the path: No such file or directory`},
		{"a directory that is none", "DIR/f/x stream unix nowait OWN /bin/cat\n", `
f:1:1: warning: DIR/f/x: directory DIR/f of the path: Not a directory`},
		{"one that is there", "DIR/x stream unix nowait OWN /bin/cat\n", ``},

		{"an entry that is replaced", "7001 stream tcp nowait 65001:65001 /nonexistent/a -x\n7001 stream tcp nowait 65001:65001 /bin/cat\n", `
f:2:1: warning: 7001/tcp: 0.0.0.0:7001 replaces the entry of line 1`},
		{"one that is replaced in part", "7001 stream tcp nowait 65001:65001 /nonexistent/a\n7001 stream tcp4 nowait 65001:65001 /bin/cat\n", `
f:1:36: warning: 7001/tcp: server /nonexistent/a: No such file or directory`},

		{"IPv6 alone", "7001 stream tcp6 nowait 65001:65001 /bin/cat\n7002 dgram udp6 wait 65001:65001 /bin/cat\n", `
f:1:13: hint: 7001/tcp6: serves IPv6 only, as does 1 more; tcp46 and udp46 serve IPv4 as well, tcp6only and udp6only say that this is meant`},
		{"IPv6 beside IPv4", "7001 stream tcp4 nowait 65001:65001 /bin/cat\n7001 stream tcp6 nowait 65001:65001 /bin/cat\n", ``},
		{"IPv6 that is meant", "7001 stream tcp6only nowait 65001:65001 /bin/cat\n[::1]:7002 stream tcp6 nowait 65001:65001 /bin/cat\n", ``},

		{"keys about connections", "7001 dgram udp4 wait 65001:65001 /bin/cat\n7002 stream tcp4 nowait 65001:65001 /bin/cat\n7003 stream tcp4 wait 65001:65001 /bin/cat\n* with refuse = no, full = refuse, linger = 1s;\n", `
f:1:1: hint: 7001/udp4: has no connections that the daemon gives a server, so refuse has no effect, as does 1 more
f:1:1: hint: 7001/udp4: has no connections that the daemon gives a server, so full has no effect, as does 1 more
f:1:1: hint: 7001/udp4: has no connections that the daemon gives a server, so linger has no effect, as does 1 more`},

		{"one mistake on many lines", strings.Repeat("7001 strem tcp nowait 65001:65001 /bin/cat\n", 6) + "7001 stream tcp4 nowait 65001:65001 /bin/cat\n", `
f:1:6: error: unknown socket type "strem"; did you mean "stream"?
f:2:6: error: unknown socket type "strem"; did you mean "stream"?
f:3:6: error: unknown socket type "strem"; did you mean "stream"?
f:4:6: error: the same on 3 more lines, up to line 6`},
		{"one mistake on four lines", strings.Repeat("7001 strem tcp nowait 65001:65001 /bin/cat\n", 4) + "7001 stream tcp4 nowait 65001:65001 /bin/cat\n", `
f:1:6: error: unknown socket type "strem"; did you mean "stream"?
f:2:6: error: unknown socket type "strem"; did you mean "stream"?
f:3:6: error: unknown socket type "strem"; did you mean "stream"?
f:4:6: error: unknown socket type "strem"; did you mean "stream"?`},
		{"one mistake among others", strings.Repeat("7001 strem tcp nowait 65001:65001 /bin/cat\n", 3) + "7001 stream tcp nowat 65001:65001 /bin/cat\n" + strings.Repeat("7001 strem tcp nowait 65001:65001 /bin/cat\n", 2), `
f:1:6: error: unknown socket type "strem"; did you mean "stream"?
f:2:6: error: unknown socket type "strem"; did you mean "stream"?
f:3:6: error: unknown socket type "strem"; did you mean "stream"?
f:4:17: error: unknown wait word "nowat"; did you mean "nowait"?
f:5:6: error: unknown socket type "strem"; the same on 2 more lines, up to line 6`},
		{"one mistake of many services", "a stream tcp nowait 0:0 /bin/cat\nb stream tcp nowait 0:0 /bin/cat\nc stream tcp nowait 0:0 /bin/cat\nd stream tcp nowait 0:0 /bin/cat\ne stream tcp nowait 0:0 /bin/cat\n", `
f:1:1: error: a/tcp: unknown service; a port number works too
f:2:1: error: b/tcp: unknown service; a port number works too
f:3:1: error: c/tcp: unknown service; a port number works too
f:4:1: error: d/tcp: the same on 2 more lines, up to line 5`},
	}
	own := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) // the owner of the test's directories
	for _, tt := range tests {
		dir := t.TempDir()
		path := write(t, filepath.Join(dir, "f"), strings.NewReplacer("DIR", dir, "OWN", own).Replace(tt.text))
		var b bytes.Buffer
		inspected(checkConfig(path), 0).WriteText(&b)
		got := ""
		for line := range strings.Lines(strings.ReplaceAll(b.String(), path+":", "f:")) {
			if strings.Contains(line, ": error: ") || strings.Contains(line, ": warning: ") || strings.Contains(line, ": hint: ") {
				got += "\n" + strings.TrimSuffix(strings.ReplaceAll(line, dir, "DIR"), "\n")
			}
		}
		if got != tt.want {
			t.Errorf("%s: got%s\nwant%s", tt.name, got, tt.want)
		}
	}
}

// TestCondensePlaceless: problems without a place are never condensed.
func TestCondensePlaceless(t *testing.T) {
	t.Parallel()
	problems := make([]Problem, 6)
	if n := len(Condense(problems)); n != 6 {
		t.Errorf("%d of 6 problems are left", n)
	}
}

// TestCheckKeys: each key in force is shown with the place that set it.
func TestCheckKeys(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "f"), "* with service_max = 7, source_max = 2;\n7001 stream tcp4 nowait 65001:65001 /bin/cat\n")
	r := inspected(checkConfig(path), 0)
	var text, json bytes.Buffer
	r.WriteText(&text)
	r.WriteJSON(&json)
	for _, want := range []string{"    key      service_max = 7 (" + path + ":1:8)\n", "    key      source_max = 2 (" + path + ":1:25)\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if want := "\"key\": \"source_max\",\n          \"values\": [\n            \"2\"\n          ],\n          \"file\": \"" + path + "\",\n          \"line\": 1,\n          \"col\": 25\n"; !strings.Contains(json.String(), want) {
		t.Errorf("no %s in\n%s", want, json.String())
	}
}
