package inetd

import (
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// TestShutDownIsNoticed: a socket that was shut down by another process that has it is
// readable for ever, and no client reaches it. The loop notices this at once, not only at
// the next reload, and does not spin.
func TestShutDownIsNoticed(t *testing.T) {
	for _, tt := range []struct{ name, entry, log string }{
		{"tcp", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "was shut down; it listens again"},
		{"tcp of a wait server", "127.0.0.1:PORT stream tcp4 wait - /bin/true", "was shut down; it listens again"},
		{"unix", "DIR/s stream unix nowait - internal echo", "was shut down; it was opened again"},
		{"unix of a wait server", "DIR/s stream unix wait - /bin/true", "was shut down; it was opened again"},
		{"udp", "127.0.0.1:PORT dgram udp4 wait - internal echo", "was shut down; it was opened again"},
		{"udp of a nowait server", "127.0.0.1:PORT dgram udp4 nowait - /bin/true", "was shut down; it was opened again"},
	} {
		for _, how := range []int{unix.SHUT_RD, unix.SHUT_RDWR} {
			t.Run(tt.name, func(t *testing.T) {
				sc := newScene(t, tt.entry+"\n", nil)
				sc.start()
				k := sc.s.now.Services[0].First
				unix.Shutdown(int(k.FD), how) // for UDP this returns ENOTCONN, but shuts down all the same
				for n := 0; n < 3 && unsoundNow(k); n++ {
					sc.s.turn()
				}
				if unsoundNow(k) {
					t.Error("it is shut down still")
				}
				for range 3 {
					if ready := sc.s.poll.Wait(0); len(ready) > 0 {
						t.Errorf("the loop is woken again, by events %x", ready[0].Events)
					}
				}
				if log := sc.end(); strings.Count(log, tt.log) != 1 {
					t.Errorf("want %q once in\n%s", tt.log, log)
				}
			})
		}
	}
}

// unsoundNow reports whether a socket is closed or shut down.
func unsoundNow(k *table.Socket) bool {
	return k.FD < 0 || sock.Look(int(k.FD), k.Spec, k.Service.Do.Options).Deaf
}

// TestShutDownUnix: the wait server of a UNIX-domain socket shuts the socket down. Unlike a
// TCP socket, it still says that it listens.
func TestShutDownUnix(t *testing.T) {
	sc := newScene(t, "DIR/s stream unix wait - /bin/true\n", nil)
	sc.start()
	k := sc.s.now.Services[0].First
	unix.Shutdown(int(k.FD), unix.SHUT_RDWR)
	sc.s.gate.Disarm(k)
	sc.s.sockets.TakeBack(k, k.Service.Do.Options)
	if unsoundNow(k) {
		t.Error("it is shut down still")
	}
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(client)
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: filepath.Join(sc.dir, "s")}); err != nil {
		t.Errorf("connect: %v", err)
	}
	sc.wantLog(`the last server has shut its socket down; it was opened again \(DIR/inetd.conf:1\)$`)
}

// TestShutDownInherited: a socket of the service manager cannot be opened again, and the
// loop does not spin on it.
func TestShutDownInherited(t *testing.T) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		t.Fatal(err)
	}
	sc := newScene(t, path+" stream unix nowait - internal echo\n", func(c *Config) { c.Inherited = []int{fd} })
	sc.start()
	k := sc.s.now.Services[0].First
	unix.Shutdown(int(k.FD), unix.SHUT_RDWR)
	sc.s.turn()
	if ready := sc.s.poll.Wait(0); len(ready) > 0 {
		t.Errorf("the loop is woken again, by events %x", ready[0].Events)
	}
	sc.wantLog(`s was shut down; the service manager has opened it, and restarting its socket unit opens it again \(DIR/inetd.conf:1\)$`)
}
