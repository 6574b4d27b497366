package inetd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

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
