package dgram

import (
	"net"
	"net/netip"
	"testing"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// service opens the socket of a service and returns it with a client and the client's first
// datagram. If take is set, the datagram has been taken from the socket.
func service(t *testing.T, take bool) (fd int, spec sock.Spec, client *net.UDPConn, first *sock.Packet) {
	t.Helper()
	spec = sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	fd, _, err := sock.Open(spec, sock.Options{Connect: true}, 3)
	if err != nil {
		t.Fatal(err)
	}
	var local sock.Address
	sock.Local(fd, &local)
	spec.Addr = local.AddrPort()
	client, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(spec.Addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	client.Write([]byte("x"))
	for !sock.Readable(fd) {
	}
	first = new(sock.Packet)
	if take {
		_, err = first.Receive(fd, make([]byte, 10))
	} else {
		err = first.Peek(fd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd, spec, client, first
}

func option(t *testing.T, fd, option int) int {
	t.Helper()
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGiveAway: the client's server gets a blocking socket with the datagram in it, and the
// service gets another. If no other can be opened, the service keeps its socket, unshared.
func TestGiveAway(t *testing.T) {
	t.Parallel()
	old, spec, _, first := service(t, false)
	defer unix.Close(old)
	elsewhere := spec
	elsewhere.Addr = netip.MustParseAddrPort("192.0.2.1:9") // no address of this machine
	if _, err := GiveAway(old, elsewhere, sock.Options{Connect: true}, first, 3); err == nil {
		t.Fatal("a socket was opened at an address of others")
	}
	if option(t, old, unix.SO_REUSEPORT) != 0 {
		t.Error("the socket that stays the service's is shared")
	}
	fd, err := GiveAway(old, spec, sock.Options{Connect: true}, first, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	flags, err := unix.FcntlInt(uintptr(old), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 || !sock.Readable(old) {
		t.Errorf("the server's socket has flags %#x, %v, and the datagram: %v", flags, err, sock.Readable(old))
	}
}

// TestEmptyGivenSocketReceivesNothing: what a client sends after its server was seen to
// have left nothing comes to the socket of the service, because the one that was given
// away is about to be closed.
func TestEmptyGivenSocketReceivesNothing(t *testing.T) {
	t.Parallel()
	old, spec, client, first := service(t, false)
	fd, err := GiveAway(old, spec, sock.Options{Connect: true}, first, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	session := Given("service", PairOf(first, spec), old)
	if _, err := first.Receive(old, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if left := session.Remains(); left != (Remains{Read: true}) {
		t.Fatalf("%+v", left)
	}
	if _, err := client.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	for !sock.Readable(fd) {
		if sock.Readable(old) {
			t.Fatal("the datagram came to the socket that was given away")
		}
	}
	new(Table[string]).Close(session)
}

// TestGivenSocketIsClosedWithDatagrams: the loss of the datagrams is reported.
func TestGivenSocketIsClosedWithDatagrams(t *testing.T) {
	t.Parallel()
	fd, spec, _, first := service(t, false)
	session := Given("service", PairOf(first, spec), fd)
	lost := 0
	table := Table[string]{Lost: func(s *Session[string], err error) {
		if lost++; s != session || err == nil {
			t.Errorf("%v of %v", err, s)
		}
	}}
	if table.Close(session); lost != 1 {
		t.Errorf("told %d times", lost)
	}
}

// TestFailedSessionLeavesNothing: a datagram for which no session can be made costs no
// descriptor.
func TestFailedSessionLeavesNothing(t *testing.T) {
	var table Table[string]
	if err := table.Prepare(3); err != nil {
		t.Skip(err)
	}
	table.injector.Close() // so that it cannot put the datagram back
	fd, spec, _, first := service(t, true)
	defer unix.Close(fd)
	lowest := func() int {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 300)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(n)
		return n
	}
	before := lowest()
	if _, err := table.Open("service", fd, spec, sock.Options{Connect: true}, first, []byte("x"), before); err == nil {
		t.Fatal("it was put back")
	}
	if after := lowest(); after != before {
		t.Errorf("descriptor %d is left", before)
	}
}
