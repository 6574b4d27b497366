package pty

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// TestMain runs as the process that keeps a terminal, if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Flag {
		os.Exit(Main(os.Args[2:]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // a program with -race would end a second late
	os.Exit(m.Run())
}

// runner is a process that runs a server on a terminal.
type runner struct {
	*exec.Cmd
	client *net.UnixConn
}

// run starts a server with a connection, whose other end is the client.
func run(t *testing.T, stderr *os.File, path string, argv ...string) *runner {
	t.Helper()
	conn, fd := socktest.Pair(t)
	theirs := os.NewFile(uintptr(fd), "server")
	defer theirs.Close()
	r := &runner{exec.Command(os.Args[0], append([]string{Flag, path}, argv...)...), conn}
	r.Stdin, r.Stdout, r.Stderr = theirs, theirs, theirs
	if stderr != nil {
		r.Stderr = stderr
	}
	r.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { r.Process.Kill() })
	return r
}

// answer returns all that the server sends.
func (r *runner) answer(t *testing.T) string {
	t.Helper()
	b, err := io.ReadAll(r.client)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func sh(t *testing.T, command string) *runner { return run(t, nil, "/bin/sh", "sh", "-c", command) }

// TestTerminal: what a server finds, and what its client gets.
func TestTerminal(t *testing.T) {
	t.Parallel()
	left := filepath.Join(t.TempDir(), "left")
	for _, tt := range []struct {
		name, command, sent, want string
	}{
		{"a terminal", "tty | sed s/[0-9]*$/N/", "", "/dev/pts/N\n"},
		{"each descriptor", "test -t 0 && test -t 1 && test -t 2 && echo yes", "", "yes\n"},
		{"the controlling one", "echo yes >/dev/tty", "", "yes\n"},
		{"its size", "stty size", "", "24 80\n"},
		{"its kind", "echo $TERM", "", os.Getenv("TERM") + map[bool]string{true: "dumb"}[os.Getenv("TERM") == ""] + "\n"},
		{"no echo, and bytes as they are", "cat", "one\ntwo\tthree\n", "one\ntwo\tthree\n"},
		{"a line without its end", "cat", "one\ntwo", "one\ntwo"},
		{"nothing sent", "cat; echo end", "", "end\n"},
		{"what a server leaves behind", "trap '' HUP; sleep 1000 & echo $! >" + left + "; echo end", "", "end\n"},
	} {
		r := sh(t, tt.command)
		io.WriteString(r.client, tt.sent)
		r.client.CloseWrite()
		if got := r.answer(t); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if err := r.Wait(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	text, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	unix.Kill(pid, unix.SIGKILL)
}

// TestEnds: the process ends as its server has.
func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path, command string
		want          string
	}{
		{"/bin/sh", "exit 7", "exit status 7"},
		{"/bin/sh", "kill -SEGV $$", "signal: segmentation fault"},
		{"/bin/sh", "kill -KILL $$", "signal: killed"},
		{"/nowhere/server", "", "exit status 127"},
		{"/dev/null", "", "exit status 126"},
	} {
		r := run(t, nil, tt.path, "sh", "-c", tt.command)
		r.answer(t)
		if err := r.Wait(); err == nil || err.Error() != tt.want {
			t.Errorf("%s %s: %v, want %s", tt.path, tt.command, err, tt.want)
		}
	}
}

// TestClientGone: a server that does not read by lines is hung up when its client is
// gone, and so is one that writes to nobody.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"stty -icanon; echo ready; exec cat", "echo ready; while echo more; do :; done"} {
		r := sh(t, command)
		if _, err := io.ReadFull(r.client, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		r.client.Close()
		if err := r.Wait(); err == nil || err.Error() != "signal: hangup" {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// TestEnded: the signals of the daemon reach the server, and SIGKILL ends both.
func TestEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		signal syscall.Signal
		want   string
	}{{unix.SIGTERM, "exit status 3"}, {unix.SIGKILL, "signal: killed"}} {
		pidFile := filepath.Join(t.TempDir(), "pid")
		r := sh(t, "trap 'exit 3' TERM; echo $$ >"+pidFile+"; echo ready; while :; do sleep 0.01; done")
		if _, err := io.ReadFull(r.client, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		r.Process.Signal(tt.signal)
		if err := r.Wait(); err == nil || err.Error() != tt.want {
			t.Errorf("%v: %v", tt.signal, err)
		}
		r.answer(t) // nobody has the connection any more
		pid, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); alive(strings.TrimSpace(string(pid))); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after %v the server lives on", tt.signal)
			}
		}
	}
}

// alive reports whether a process is neither gone nor a zombie.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestStderrElsewhere: standard error that the daemon has sent elsewhere stays there.
func TestStderrElsewhere(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	run := run(t, w, "/bin/sh", "sh", "-c", "echo out; echo diagnosis >&2")
	w.Close()
	if got := run.answer(t); got != "out\n" {
		t.Errorf("the client has %q", got)
	}
	if got, _ := io.ReadAll(r); string(got) != "diagnosis\n" {
		t.Errorf("standard error has %q", got)
	}
	run.Wait()
}
