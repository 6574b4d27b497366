package inetd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inetd/internal/plan"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// leased makes a program whose exec hangs until the returned function is called:
// the kernel waits for whoever has a lease on a file before it opens it
// (fcntl(2), "Leases").
func leased(t *testing.T, path string) (release func()) {
	t.Helper()
	program, err := os.ReadFile("/bin/true")
	if err == nil {
		err = os.WriteFile(path, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lease(t, path)
}

// lease makes whoever opens the file at path hang until the returned function is called.
func lease(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		f.Close()
		t.Skip("no leases here:", err)
	}
	return func() { f.Close() }
}

// TestHangingExecHoldsNoConnectionUnderInquiry: while a server hangs before its exec,
// clients that are refused after an inquiry see their connections end.
func TestHangingExecHoldsNoConnectionUnderInquiry(t *testing.T) {
	if !apart(t) {
		return
	}
	const clients = 80 // some of whose connections have numbers above those that every child closes
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait.0 - /bin/true slow\nDIR/socket stream unix nowait - DIR/program stuck\n", wrapped)
	release := make(chan struct{})
	sc.names = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, errors.New("no name server")
	}}
	sc.write("allow", "stuck: ALL\n")
	sc.write("deny", "slow: .example.test\n")
	unhang := leased(t, sc.path("program"))
	sc.start()
	if !sc.s.starter.Clone() {
		t.Skip("without clone3 the daemon itself waits for an exec")
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}}
	ends := make(chan error, clients)
	for range clients {
		c, err := dialer.Dial("tcp4", "127.0.0.1:"+sc.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		go func() {
			b, err := io.ReadAll(c)
			if len(b) > 0 {
				err = fmt.Errorf("answered %q", b)
			}
			ends <- err
			sc.s.mail.Post(func() {})
		}()
	}
	for sc.s.inquiries.Len() < clients {
		sc.s.turn()
	}
	stuck, err := net.Dial("unix", sc.path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	sc.turnUntilRunning()
	close(release)
	for range clients {
		for len(ends) == 0 {
			sc.s.turn()
		}
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	unhang()
	for sc.s.running.Len() > 0 {
		sc.s.turn()
	}
}

// TestReloadWhileFileSystemHangs: a reload is given up while the watcher waits for a file
// system that does not answer, and says so.
func TestReloadWhileFileSystemHangs(t *testing.T) {
	if !apart(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "inetd.conf")
	writeConf(t, file, manyOf(1, "hang", "stream unix nowait - internal echo"))
	s := serving(t, file)
	waits := make(chan os.Signal, 1)
	signal.Notify(waits, unix.SIGIO) // somebody waits for the lease
	defer lease(t, file)()
	s.attempts.Limit = 0
	out := outcome(s, func() { <-waits })
	if out.Err == nil || !strings.HasPrefix(out.Err.Error(), "the configuration was not read within") {
		t.Errorf("%+v", out)
	}
}

// TestStopWhileFileSystemHangs: the daemon ends even while its watcher waits for a file
// system that does not answer.
func TestStopWhileFileSystemHangs(t *testing.T) {
	if !apart(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "inetd.conf")
	writeConf(t, file, manyOf(1, "hang", "stream unix nowait - internal echo"))
	ready, ended := make(chan bool), make(chan error, 1)
	s, err := New(Config{
		Config: plan.Config{Files: []string{file}, Explicit: true},
		Log:    syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: t.Output()}),
		Ready:  func() { close(ready) },
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- s.Run() }()
	<-ready
	waits := make(chan os.Signal, 1)
	signal.Notify(waits, unix.SIGIO) // somebody waits for the lease
	defer lease(t, file)()
	if err := os.Chmod(file, 0o644); err != nil { // the watcher looks
		t.Fatal(err)
	}
	<-waits
	s.Stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the daemon has not ended")
	}
}
