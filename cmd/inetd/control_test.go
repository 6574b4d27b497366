package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/inetd"
	"inetd/internal/sock/socktest"
)

func TestReport(t *testing.T) {
	t.Parallel()
	bad := conf.Problem{Pos: conf.Pos{File: "inetd.conf", Line: 3, Col: 9}, Severity: conf.Error, Text: "bad", Hint: "do good"}
	odd := conf.Problem{Pos: conf.Pos{File: "inetd.conf", Line: 4}, Severity: conf.Warning, Text: "odd"}
	for _, tt := range []struct {
		name    string
		outcome inetd.Outcome
		want    []string
	}{
		{"nothing", inetd.Outcome{}, []string{
			"inetd[PID]: 0 added, 0 changed, 0 removed, 0 kept, 0 errors", "status 0",
		}},
		{"changes", inetd.Outcome{Added: []string{"a/tcp", "b/tcp"}, Changed: []string{"c/tcp"}, Removed: []string{"d/udp"}, Kept: 7}, []string{
			"added    a/tcp", "added    b/tcp", "changed  c/tcp", "removed  d/udp",
			"inetd[PID]: 2 added, 1 changed, 1 removed, 7 kept, 0 errors", "status 0",
		}},
		{"a warning", inetd.Outcome{Problems: []conf.Problem{odd}}, []string{
			"warning  inetd.conf:4: odd",
			"inetd[PID]: 0 added, 0 changed, 0 removed, 0 kept, 0 errors", "status 0",
		}},
		{"a socket", inetd.Outcome{Added: []string{"a/tcp"}, Closed: []string{"a/tcp: 0.0.0.0:1: bind: Permission denied"}}, []string{
			"added    a/tcp", "closed   a/tcp: 0.0.0.0:1: bind: Permission denied",
			"inetd[PID]: 1 added, 0 changed, 0 removed, 0 kept, 0 errors", "status 1",
		}},
		{"an error", inetd.Outcome{Kept: 1, Problems: []conf.Problem{bad, odd}}, []string{
			"error    inetd.conf:3:9: bad; do good", "warning  inetd.conf:4: odd",
			"inetd[PID]: 0 added, 0 changed, 0 removed, 1 kept, 1 error", "status 1",
		}},
		{"refused", inetd.Outcome{Err: errors.New("inetd.conf: permission denied")}, []string{
			"inetd[PID]: not reloaded: inetd.conf: permission denied; the services stay as they were", "status 1",
		}},
	} {
		want := strings.ReplaceAll(strings.Join(tt.want, "\n")+"\n", "PID", fmt.Sprint(os.Getpid()))
		if got := report(tt.outcome); got != want {
			t.Errorf("%s:\n%swant\n%s", tt.name, got, want)
		}
	}
}

func TestPrintAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer, printed string
		status          int
		err             string
	}{
		{"status 0\n", "", 0, ""},
		{"added    a/tcp\nstatus 1\n", "added    a/tcp\n", 1, ""},
		{"status 2\n", "", 1, ""},
		{"status 0\nmore\n", "", 0, ""},
		{"added    a/tcp\n", "added    a/tcp\n", 0, "process 7 ended before it answered"},
		{"status 0", "", 0, "process 7 ended before it answered"},
		{strings.Repeat("x", maxLine+1) + "\nstatus 0\n", "", 0, "process 7 has answered with a line of more than 65536 bytes; the outcome will be in its log"},
	} {
		var printed strings.Builder
		status, err := toReload.printAnswer(strings.NewReader(tt.answer), 7, &printed)
		if status != tt.status || printed.String() != tt.printed || fmt.Sprint(err) != tt.err && (err != nil || tt.err != "") {
			t.Errorf("%q: status %d, printed %q, error %v", tt.answer, status, printed.String(), err)
		}
	}
}

func TestControlSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := socktest.HangUp(left); err != nil { // as when its daemon dies
		t.Fatal(err)
	}

	c, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := c.l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	if !trusted(conn) {
		t.Error("our own user is not trusted")
	}
	conn.Close()
	c.close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after close: %v", err)
	}
}

// TestControlSocketSparesFiles: only a socket is replaced, no other file.
func TestControlSocketSparesFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.sock")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := listenControl(path); err == nil {
		c.close()
		t.Error("a file was replaced")
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSocketPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ pidFile, want string }{
		{"/run/inetd.pid", "/run/inetd.sock"},
		{"/run/inetd", "/run/inetd.sock"},
		{"inetd.pid", "inetd.sock"},
	} {
		if got := socketPath(tt.pidFile); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.pidFile, got, tt.want)
		}
	}
}

// TestNotRunning: the message names the default pid file, which the user has not named.
func TestNotRunning(t *testing.T) {
	t.Parallel()
	_, err := running(defaultPidFile)
	if want := errNotRunning.Error() + ": nobody has locked /run/inetd.pid; name another pid file with -p"; errors.Is(err, errNotRunning) && err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if _, err := running(filepath.Join(t.TempDir(), "inetd.pid")); err != errNotRunning {
		t.Errorf("got %v", err)
	}
}
