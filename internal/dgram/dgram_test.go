package dgram

import (
	"net"
	"net/netip"
	"testing"

	"inetd/internal/sock"
	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

func TestAnswerable(t *testing.T) {
	t.Parallel()
	asked := netip.MustParseAddrPort("192.0.2.1:7")
	for client, want := range map[string]bool{
		"192.0.2.9:4000": true, "[fe80::1%lo]:4000": true, "192.0.2.1:4000": true,
		"192.0.2.1:7": false, "192.0.2.9:0": false, "0.0.0.0:4000": false, "[::]:4000": false, "224.0.0.1:4000": false, "[ff02::1]:4000": false,
	} {
		if got := (Pair{netip.MustParseAddrPort(client), asked}).Answerable(); got != want {
			t.Errorf("%s: %v, want %v", client, got, want)
		}
	}
	if (Pair{Asked: asked}).Answerable() {
		t.Error("a datagram without a sender can be answered")
	}
}

// TestRemains: the socket of a server alone tells what it has read and left unread.
func TestRemains(t *testing.T) {
	t.Parallel()
	fd, client := datagramSocket(t)
	send := func() {
		client.Write([]byte("x"))
		for !sock.Readable(fd) {
		}
	}
	send()
	s := Given("service", Pair{}, fd)
	check := func(when string, want Remains) {
		t.Helper()
		if got := s.Remains(); got != want {
			t.Errorf("%s: %+v, want %+v", when, got, want)
		}
	}
	check("untouched", Remains{Unread: true})
	unread(fd)
	send()
	check("read, and there is more", Remains{Read: true, Unread: true})
	unread(fd)
	check("read", Remains{Read: true})
	unix.Shutdown(fd, unix.SHUT_RD)
	check("shut down", Remains{Read: true})
}

// TestRedirect: where nothing can be put back, a session goes to the sender of the next
// datagram, and to nobody if there is none.
func TestRedirect(t *testing.T) {
	t.Parallel()
	fd, client := datagramSocket(t)
	s := Given("service", Pair{}, fd)
	if b := make([]byte, 10); s.Redirect(b, 1) {
		t.Error("there is no datagram")
	}
	client.Write([]byte("x"))
	for !sock.Readable(fd) {
	}
	if !s.Redirect(make([]byte, 10), 1) || s.Client != client.LocalAddr().(*net.UDPAddr).AddrPort() {
		t.Errorf("it is of %v", s.Client)
	}
}

// TestEarly: a datagram of another client that came to the socket of a session before the
// socket was connected goes to the service.
func TestEarly(t *testing.T) {
	t.Parallel()
	var table Table[string]
	if err := table.Prepare(3); err != nil {
		t.Skip(err)
	}
	defer table.CloseAll()
	fd, spec, _, other := service(t, true)
	defer unix.Close(fd)
	conn, err := other.Connect(fd, spec, sock.Options{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.injector.Inject(other.Peer.AddrPort(), spec.Addr, []byte("early")); err != nil {
		t.Fatal(err)
	}
	for !sock.Readable(conn) {
	}
	client := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9}
	if err := unix.Connect(conn, client); err != nil {
		t.Fatal(err)
	}
	s := &Session[string]{Pair: Pair{netip.MustParseAddrPort("127.0.0.1:9"), spec.Addr}, Conn: conn, Local: spec.Addr}
	if err := table.begin(s, []byte("first"), false); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		fd   int
		want string
	}{{conn, "first"}, {fd, "early"}} {
		socktest.Await(t, tt.fd)
		b := make([]byte, 10)
		if n, _, err := unix.Recvfrom(tt.fd, b, unix.MSG_DONTWAIT); string(b[:max(n, 0)]) != tt.want {
			t.Errorf("%q, %v, want %q", b[:max(n, 0)], err, tt.want)
		}
	}
}

// TestUnreadEnds: a client that goes on sending does not keep the loop emptying a socket.
func TestUnreadEnds(t *testing.T) {
	t.Parallel()
	fd, client := datagramSocket(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				client.Write([]byte("x"))
			}
		}
	}()
	for len(unread(fd)) == 0 {
	}
	close(stop)
	<-stopped
}

// TestUnreadAfterShutdown: a socket that a server has shut down is readable for
// ever, and nothing is in it.
func TestUnreadAfterShutdown(t *testing.T) {
	t.Parallel()
	fd, client := datagramSocket(t)
	client.Write([]byte("before"))
	for !sock.Readable(fd) {
	}
	unix.Shutdown(fd, unix.SHUT_RDWR)
	if list := unread(fd); len(list) != 1 || string(list[0].text) != "before" {
		t.Errorf("%v", list)
	}
	if list := unread(fd); len(list) != 0 {
		t.Errorf("%v after that", list)
	}
}

// datagramSocket returns a socket and a client that are connected to each other.
func datagramSocket(t *testing.T) (fd int, client *net.UDPConn) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	var local sock.Address
	sock.Local(fd, &local)
	client, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(local.AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	peer := client.LocalAddr().(*net.UDPAddr)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: peer.Port}); err != nil {
		t.Fatal(err)
	}
	return fd, client
}
