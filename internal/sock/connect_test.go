package sock

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// opened opens a datagram socket at a port of the kernel's choice until the end
// of the test.
func opened(t *testing.T, addr string, dual bool, o Options) (int, Spec) {
	t.Helper()
	fd, s := openAnywhere(t, addr, dual, o)
	t.Cleanup(func() { unix.Close(fd) })
	return fd, s
}

func openAnywhere(t *testing.T, addr string, dual bool, o Options) (int, Spec) {
	t.Helper()
	s := Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Dual: dual, Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 0)}
	if s.Addr.Addr().Is6() {
		s.Family = unix.AF_INET6
	}
	fd, _, err := Open(s, o, 3)
	if err != nil {
		t.Skip(err)
	}
	s.Addr = netip.AddrPortFrom(s.Addr.Addr(), local(t, fd).Port())
	return fd, s
}

func local(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	var a Address
	if err := Local(fd, &a); err != nil {
		t.Fatal(err)
	}
	return a.AddrPort()
}

// client is a socket that is connected to a service.
func client(t *testing.T, to netip.AddrPort) int {
	t.Helper()
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(to.Port()), Addr: [4]byte(to.Addr().AsSlice()[:4])}
	if to.Addr().Is6() {
		sa = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	return fd
}

func send(t *testing.T, fd int, b []byte) {
	t.Helper()
	if _, err := unix.Write(fd, b); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, fd int) (Packet, []byte) {
	t.Helper()
	socktest.Await(t, fd)
	var p Packet
	b := make([]byte, 1<<16)
	n, err := p.Receive(fd, b)
	if err != nil {
		t.Fatal(err)
	}
	return p, b[:n]
}

// A client that has got a socket of its own is served there and the others by the first
// socket; what it sent before is put back and arrives at its own socket.
func TestConnectAndInject(t *testing.T) {
	t.Parallel()
	j, err := NewInjector(3)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(j.Close)
	tests := []struct {
		bound string
		dual  bool
		to    string
		size  int // of the largest datagram
	}{
		{"0.0.0.0", false, "127.0.0.1", 65507},
		{"0.0.0.0", false, "127.0.0.9", 65507},
		{"127.0.0.1", false, "127.0.0.1", 65507},
		{"::", false, "::1", 65527},
		{"::1", false, "::1", 65527},
		{"::", true, "::1", 65527},
		{"::", true, "127.0.0.1", 65507},
		{"::", true, "127.0.0.9", 65507},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %v %s", tt.bound, tt.dual, tt.to), func(t *testing.T) {
			t.Parallel()
			fd, s := opened(t, tt.bound, tt.dual, Options{Connect: true})
			to := netip.AddrPortFrom(netip.MustParseAddr(tt.to), s.Addr.Port())
			one, other := client(t, to), client(t, to)
			for _, text := range []string{"first", "", strings.Repeat("x", tt.size)} {
				send(t, one, []byte(text))
				p, b := receive(t, fd)
				if got := p.Asked(s); got != to {
					t.Errorf("asked %v, want %v", got, to)
				}
				conn, err := p.Connect(fd, s, Options{}, 3)
				if err != nil {
					t.Fatal(err)
				}
				if got := local(t, conn); got != to {
					t.Errorf("the new socket is bound to %v, want %v", got, to)
				}
				if flags, _ := unix.FcntlInt(uintptr(conn), unix.F_GETFL, 0); flags&unix.O_NONBLOCK != 0 {
					t.Error("the new socket does not block")
				}
				if err := j.Inject(p.Peer.AddrPort(), to, b); err != nil {
					t.Fatal(err)
				}
				send(t, one, []byte("second"))
				send(t, other, []byte("another's"))
				for _, want := range []string{text, "second"} {
					got, b := receive(t, conn)
					if string(b) != want || got.Peer.AddrPort() != p.Peer.AddrPort() {
						t.Errorf("%d bytes from %v, want %d from %v", len(b), got.Peer.AddrPort(), len(want), p.Peer.AddrPort())
					}
				}
				if _, b := receive(t, fd); string(b) != "another's" {
					t.Errorf("the first socket has %q", b)
				}
				send(t, conn, []byte("answer"))
				if _, b := receive(t, one); string(b) != "answer" {
					t.Errorf("the client has %q", b)
				}
				unix.Close(conn)
			}
		})
	}
}

// After StopReceiving, what a client sends arrives at the first socket.
func TestStopReceiving(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1", "::1"} {
		fd, s := opened(t, addr, false, Options{Connect: true})
		c := client(t, s.Addr)
		send(t, c, []byte("first"))
		p, _ := receive(t, fd)
		conn, err := p.Connect(fd, s, Options{}, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(conn)
		send(t, c, []byte("queued"))
		if err := StopReceiving(conn); err != nil {
			t.Fatal(err)
		}
		send(t, c, []byte("later"))
		if _, b := receive(t, conn); string(b) != "queued" {
			t.Errorf("%s: the deaf socket has %q", addr, b)
		}
		if _, b := receive(t, fd); string(b) != "later" {
			t.Errorf("%s: the first socket has %q", addr, b)
		}
	}
}

// The port is open to no other user, and to nobody before there are clients.
func TestConnectSharesWithNobody(t *testing.T) {
	t.Parallel()
	fd, s := openAnywhere(t, "0.0.0.0", false, Options{Connect: true})
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Addr.Port())
	uid := os.Geteuid()
	occupied(t, to, unix.SO_REUSEADDR, uid)
	occupied(t, to, unix.SO_REUSEPORT, uid)

	send(t, client(t, to), []byte("first"))
	p, _ := receive(t, fd)
	conn, err := p.Connect(fd, s, Options{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	occupied(t, to, unix.SO_REUSEADDR, uid)
	if uid == 0 {
		occupied(t, to, unix.SO_REUSEPORT, 1)
	}
	unix.Close(conn)
	occupied(t, to, unix.SO_REUSEPORT, uid) // now that there is no client any more

	send(t, client(t, to), []byte("second"))
	p, _ = receive(t, fd)
	if conn, err = p.Connect(fd, s, Options{}, 3); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	unix.Close(fd)
	again, _, err := Open(s, Options{Connect: true}, 3)
	if err != nil {
		t.Fatalf("open beside a server that is left: %v", err)
	}
	unix.Close(again)
}

// occupied tries to bind a socket of a user to an address and to its port.
func occupied(t *testing.T, to netip.AddrPort, option, uid int) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Setfsuid(uid) // this thread's, which owns the sockets that it makes
	defer unix.Setfsuid(os.Geteuid())
	for _, addr := range []string{"0.0.0.0", "127.0.0.1"} {
		thief, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(thief)
		if err := unix.SetsockoptInt(thief, unix.SOL_SOCKET, option, 1); err != nil {
			t.Fatal(err)
		}
		err = unix.Bind(thief, &unix.SockaddrInet4{Port: int(to.Port()), Addr: netip.MustParseAddr(addr).As4()})
		if err != unix.EADDRINUSE {
			t.Errorf("bind to %s with option %d as user %d: %v, want EADDRINUSE", addr, option, uid, err)
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1", "::1"} {
		fd, s := opened(t, addr, false, Options{Blocking: true})
		c := client(t, s.Addr)
		seen := map[int64]bool{}
		for range 3 {
			send(t, c, []byte("same"))
			socktest.Await(t, fd)
			before := Stamp(fd)
			if seen[before] || before < 0 {
				t.Errorf("%s: stamp %d after %v", addr, before, seen)
			}
			seen[before] = true
			if again := Stamp(fd); again != before {
				t.Errorf("%s: the stamp has changed from %d to %d", addr, before, again)
			}
			receive(t, fd)
		}
		if !seen[0] {
			t.Errorf("%s: stamps %v without 0", addr, seen)
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if got := Stamp(pair[0]); got != -1 {
		t.Errorf("a unix socket has the stamp %d", got)
	}
}

func TestQueued(t *testing.T) {
	t.Parallel()
	s := Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	fd, _, err := Open(s, Options{Backlog: 5}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := local(t, fd)
	for want := range 3 {
		if got := Queued(fd); got != want {
			t.Errorf("%d connections, want %d", got, want)
		}
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(c)
		if err := unix.Connect(c, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			t.Fatal(err)
		}
	}
	if got := Queued(0); got != -1 {
		t.Errorf("%d connections of what is no socket", got)
	}
}

// TestRoomBeforeConnect: a socket that is bound and not yet connected, to which everybody's
// datagrams come, has as much room as that of the service.
func TestRoomBeforeConnect(t *testing.T) {
	t.Parallel()
	fd, s := opened(t, "127.0.0.1", false, Options{Connect: true})
	send(t, client(t, s.Addr), []byte("first"))
	p, _ := receive(t, fd)
	conn, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	if err := p.bindBeside(conn, fd, s); err != nil {
		t.Fatal(err)
	}
	got, _ := unix.GetsockoptInt(conn, unix.SOL_SOCKET, unix.SO_RCVBUF)
	want, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if got != want {
		t.Errorf("room for %d bytes, want %d", got, want)
	}
}
