package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"inetd/internal/syslog"
)

func TestBackground(t *testing.T) {
	for _, tt := range []struct {
		args        []string
		notify, fds string
		want        bool
	}{
		{nil, "", "", true},
		{[]string{"-e"}, "", "", true},
		{[]string{"-f"}, "", "", false},
		{[]string{"-i"}, "", "", false},
		{[]string{"-d"}, "", "", false},
		{nil, "/run/systemd/notify", "", false},
		{nil, "", strconv.Itoa(os.Getpid()), false},
		{nil, "", "1", true}, // descriptors of another process
	} {
		t.Setenv("NOTIFY_SOCKET", tt.notify)
		t.Setenv("LISTEN_PID", tt.fds)
		o, err := parse(tt.args)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.background(); got != tt.want {
			t.Errorf("%q, NOTIFY_SOCKET=%q, LISTEN_PID=%q: %v", tt.args, tt.notify, tt.fds, got)
		}
	}
}

func TestLogging(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		arg  string
		want syslog.Options
	}{
		{"-i", syslog.Options{Ident: "inetd", Target: syslog.Syslog, Level: syslog.Info}},
		{"-d", syslog.Options{Ident: "inetd", Target: syslog.Syslog, Level: syslog.Debug, Also: true}},
		{"-e", syslog.Options{Ident: "inetd", Target: syslog.Stderr, Level: syslog.Info}},
		{"-de", syslog.Options{Ident: "inetd", Target: syslog.Stderr, Level: syslog.Debug, Also: true}},
	} {
		o, err := parse([]string{tt.arg})
		if err != nil {
			t.Fatal(err)
		}
		tt.want.Stderr = os.Stderr
		if got := o.logging(os.Stderr); got != tt.want {
			t.Errorf("%s: %+v", tt.arg, got)
		}
	}
}

func TestAbsolute(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"a.conf", "/b.conf", "-p", "x/../y.pid"})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.absolute(); err != nil {
		t.Fatal(err)
	}
	dir, _ := os.Getwd()
	for _, tt := range []struct{ got, want string }{
		{o.Files[0], filepath.Join(dir, "a.conf")},
		{o.Files[1], "/b.conf"},
		{o.pidFile, filepath.Join(dir, "y.pid")},
		{o.Services, ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	t.Setenv("NOTIFY_SOCKET", "")
	if notify, flush := notifier(); notify != nil || flush == nil {
		t.Error("there is no service manager")
	}
	t.Setenv("NOTIFY_SOCKET", path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	notify, flush := notifier()
	notify("STOPPING=1")
	flush()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 64)
	if err := raw.Control(func(fd uintptr) {
		if n, _, err := unix.Recvfrom(int(fd), text, unix.MSG_DONTWAIT); err != nil || string(text[:n]) != "STOPPING=1" {
			t.Errorf("it has not been sent yet: %v", err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	told := newTranscript(datagrams{conn})
	notify("READY=1")
	notify("RELOADING=1")
	if _, err := told.find(regexp.MustCompile(`^READY=1\nRELOADING=1\nMONOTONIC_USEC=[1-9][0-9]+\n`)); err != nil {
		t.Errorf("%v: %q", err, told.text())
	}
}

// TestNotifierNeverBlocks: a service manager that does not read does not hold up the daemon.
func TestNotifierNeverBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	notify, flush := notifier()
	done := make(chan struct{})
	go func() {
		for range 100_000 {
			notify("WATCHDOG=1")
		}
		flush()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("notify blocks")
	}
}

func TestEnded(t *testing.T) {
	t.Parallel()
	child := exec.Command("cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	fd, err := unix.PidfdOpen(child.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if ended(fd, time.Millisecond) {
		t.Error("it runs")
	}
	if ended(fd, -time.Second) { // a signal may come as the time is over
		t.Error("it still runs")
	}
	in.Close()
	if !ended(fd, patience) {
		t.Error("it has ended")
	}
}

// TestNoNull: where there is no /dev/null, the message names it.
func TestNoNull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to change the root directory")
	}
	empty := t.TempDir()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chroot(empty)); err != nil {
			done <- err
			return
		}
		done <- new(options).leaveTerminal()
	}()
	if err := <-done; err == nil || err.Error() != "open /dev/null: no such file or directory" {
		t.Error(err)
	}
}
