package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stranger is a user who is neither root nor the user of the daemon.
const stranger = 65534

// plant makes a pid file that a stranger has locked, with our process id in it.
func plant(t *testing.T) (path string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may give a file away")
	}
	path = filepath.Join(t.TempDir(), "inetd.pid")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fmt.Fprintln(f, os.Getpid())
	if err := f.Chown(stranger, stranger); err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPlantedPidFile: in a stranger's directory there may be a locked file that names any
// process. Root does not signal that process.
func TestPlantedPidFile(t *testing.T) {
	t.Parallel()
	path := plant(t)
	if pid, err := holder(path); err == nil {
		t.Errorf("process %d is believed to be an inetd of user %d", pid, stranger)
	}
	if err := stop(path); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("-k: %v", err)
	}
	if _, err := lockPidFile(path); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("at the start: %v", err)
	}
}

// TestPlantedControlSocket: what a stranger's socket answers is not believed.
func TestPlantedControlSocket(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may be somebody else")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "inetd.pid")
	p, err := lockPidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	reachable(t, dir)
	os.Chmod(dir, 0o777)
	var l net.Listener
	as(t, stranger, func() { l, err = net.Listen("unix", socketPath(path)) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			fmt.Fprint(conn, "added    evil/tcp\nstatus 0\n")
			conn.Close()
		}
	}()
	var out strings.Builder
	if _, err := reload(path, &out); err == nil || out.Len() > 0 || !strings.Contains(err.Error(), "user 65534") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// reachable lets everybody search a temporary directory of the test.
func reachable(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// as runs f in a thread with another user.
func as(t *testing.T, uid int, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()            // for good: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() { // the process has the user of its first thread
			as(t, uid, f)
			runtime.UnlockOSThread()
			return
		}
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
			t.Error(e)
			return
		}
		f()
	}()
	<-done
}

// TestControlSocketOfUser: a daemon that does not run as root is controlled by its user.
func TestControlSocketOfUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	as(t, stranger, func() {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fds[0])
		f := os.NewFile(uintptr(fds[1]), "")
		defer f.Close()
		conn, err := net.FileConn(f)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if !trusted(conn.(*net.UnixConn)) {
			t.Error("the daemon's own user is not trusted")
		}
	})
}

// TestControlSocketOfOthers: only root and the daemon's user may control the daemon, even
// where the file system lets others connect.
func TestControlSocketOfOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		peer, own uint32
		may       bool
	}{{0, 0, true}, {0, 1000, true}, {1000, 1000, true}, {1000, 0, false}, {1001, 1000, false}} {
		if mayControl(tt.peer, tt.own) != tt.may {
			t.Errorf("user %d may control a daemon of user %d: %v", tt.peer, tt.own, !tt.may)
		}
	}
	if os.Getuid() != 0 {
		return // the rest needs another user
	}
	dir := t.TempDir()
	reachable(t, dir)
	path := filepath.Join(dir, "inetd.sock")
	c, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	os.Chmod(path, 0o666)
	for uid, want := range map[int]bool{stranger: false, 0: true} {
		var client net.Conn
		as(t, uid, func() { client, err = net.Dial("unix", path) })
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := c.l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if trusted(conn) != want {
			t.Errorf("user %d is trusted: %v", uid, !want)
		}
		if _, err := io.WriteString(client, upgradeRequest+"\n"); err != nil {
			t.Fatal(err)
		}
		obeyed := false
		c.converse(conn, nil, func(context.Context, func(string)) error { obeyed = true; return errors.New("no") })
		if obeyed != want {
			t.Errorf("user %d is obeyed: %v", uid, obeyed)
		}
	}
}

// TestSilentAsker: a client of the control socket that sends nothing is dropped.
func TestSilentAsker(t *testing.T) {
	t.Parallel()
	if os.Getenv(attackEnv) == "" {
		t.Skip("takes 5 s: make check-attack")
	}
	c, err := listenControl(filepath.Join(t.TempDir(), "inetd.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	client, err := net.Dial("unix", c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := c.l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		c.converse(conn, nil, nil)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(askTime + patience):
		t.Error("it is waited for")
		conn.Close()
	}
}

// TestEndlessRequest: no more is read than the longest request has.
func TestEndlessRequest(t *testing.T) {
	t.Parallel()
	endless := &xs{}
	if got := readRequest(endless); strings.HasSuffix(got, "\n") || endless.read > 1<<16 {
		t.Errorf("%d bytes were read, and %d taken for a request", endless.read, len(got))
	}
}

// xs is a line without end.
type xs struct{ read int }

func (x *xs) Read(b []byte) (int, error) {
	if x.read += len(b); x.read > 1<<20 {
		return 0, io.EOF
	}
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// TestAnswerIsCleaned: nothing in an answer acts on the terminal.
func TestAnswerIsCleaned(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	status, err := toReload.printAnswer(strings.NewReader("added    \x1b[2Ja\r\tb\x00\x9b\xc2\x9b\nstatus 0\n"), 7, &out)
	if want := "added    ?[2Ja??b???\n"; status != 0 || err != nil || out.String() != want {
		t.Errorf("%q, want %q; %v", out.String(), want, err)
	}
	if _, err := toReload.printAnswer(strings.NewReader(strings.Repeat("x", 1<<20)), 7, &out); err == nil {
		t.Error("an endless line has no end")
	}
}
