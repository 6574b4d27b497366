package sock

import (
	"net/netip"
	"testing"

	"inetd/internal/freeport"
	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

const floor = 40 // for the tests' sockets

// open opens a socket until the end of the test and returns it with its address.
func open(t *testing.T, s Spec, o Options) (fd int, at netip.AddrPort) {
	t.Helper()
	if o.Backlog == 0 {
		o.Backlog = 5
	}
	o.UID, o.GID = -1, -1
	fd, file, err := Open(s, o, floor)
	if NoSuchFamily(err) {
		t.Skipf("this kernel has no such socket: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close(fd, s, file) })
	var a Address
	if err := Local(fd, &a); err != nil {
		t.Fatal(err)
	}
	return fd, a.AddrPort()
}

// dial connects a socket like that of s to an address.
func dial(t *testing.T, s Spec, to netip.AddrPort) (fd int) {
	t.Helper()
	fd, err := unix.Socket(int(s.Family), int(s.Type)|unix.SOCK_CLOEXEC, int(s.Protocol))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port())}
	if to.Addr().Is4() {
		sa = &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	}
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	return fd
}

var (
	v4 = netip.MustParseAddrPort("127.0.0.1:0")
	v6 = netip.MustParseAddrPort("[::1]:0")
)

func stream(family uint8, protocol uint16, at netip.AddrPort) Spec {
	return Spec{Family: family, Type: unix.SOCK_STREAM, Protocol: protocol, Addr: at}
}

// Every protocol with connections that the kernel has: the accepted descriptor
// is blocking, close-on-exec, of the protocol asked for, and knows its peer.
func TestOpenAndAccept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		spec Spec
	}{
		{"tcp4", stream(unix.AF_INET, unix.IPPROTO_TCP, v4)},
		{"tcp6", stream(unix.AF_INET6, unix.IPPROTO_TCP, v6)},
		{"mptcp4", stream(unix.AF_INET, unix.IPPROTO_MPTCP, v4)},
		{"sctp4", stream(unix.AF_INET, unix.IPPROTO_SCTP, v4)},
		{"dccp4", Spec{Family: unix.AF_INET, Type: unix.SOCK_DCCP, Protocol: unix.IPPROTO_DCCP, Addr: v4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fd, at := open(t, tt.spec, Options{})
			if fd < floor {
				t.Errorf("descriptor %d, want at least %d", fd, floor)
			}
			if _, err := Accept(fd, new(Address)); err != unix.EAGAIN {
				t.Errorf("accept without a client: %v, want EAGAIN", err)
			}
			client := dial(t, tt.spec, at)
			socktest.Await(t, fd)
			var peer Address
			conn, err := Accept(fd, &peer)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(conn)
			status, _ := unix.FcntlInt(uintptr(conn), unix.F_GETFL, 0)
			flags, _ := unix.FcntlInt(uintptr(conn), unix.F_GETFD, 0)
			if status&unix.O_NONBLOCK != 0 || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("status flags %#x, descriptor flags %#x: want blocking and close-on-exec", status, flags)
			}
			protocol, _ := unix.GetsockoptInt(conn, unix.SOL_SOCKET, unix.SO_PROTOCOL)
			if protocol != int(tt.spec.Protocol) {
				t.Errorf("protocol %d, want %d", protocol, tt.spec.Protocol)
			}
			var local Address
			Local(client, &local)
			if peer.AddrPort() != local.AddrPort() {
				t.Errorf("peer %v, want %v", peer.AddrPort(), local.AddrPort())
			}
		})
	}
}

// TestPacketsOfSCTP: a SOCK_SEQPACKET socket of SCTP opens but accepts no connection: it
// has its associations itself.
func TestPacketsOfSCTP(t *testing.T) {
	t.Parallel()
	fd, _ := open(t, Spec{Family: unix.AF_INET, Type: unix.SOCK_SEQPACKET, Protocol: unix.IPPROTO_SCTP, Addr: v4}, Options{})
	if _, err := Accept(fd, new(Address)); err != unix.EOPNOTSUPP {
		t.Errorf("accept: %v, want EOPNOTSUPP", err)
	}
}

func TestDatagramProtocols(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]uint16{"udp": unix.IPPROTO_UDP, "udplite": unix.IPPROTO_UDPLITE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: protocol, Addr: v4}
			fd, at := open(t, spec, Options{Reply: true})
			client := dial(t, spec, at)
			if _, err := unix.Write(client, []byte("ping")); err != nil {
				t.Fatal(err)
			}
			socktest.Await(t, fd)
			var p Packet
			b := make([]byte, 10)
			n, err := p.Receive(fd, b)
			if err != nil || string(b[:n]) != "ping" || p.ToMany() {
				t.Fatalf("received %q, %v, to many: %v", b[:n], err, p.ToMany())
			}
			if err := p.Reply(fd, []byte("pong")); err != nil {
				t.Fatal(err)
			}
			if n, err := unix.Read(client, b); err != nil || string(b[:n]) != "pong" {
				t.Errorf("the client read %q, %v", b[:n], err)
			}
		})
	}
}

func TestVsock(t *testing.T) {
	t.Parallel()
	open(t, VsockSpec(unix.SOCK_STREAM, 4_000_000_000), Options{})
}

// Each family can have its wildcard address, or one socket both, whatever the kernel's
// default is.
func TestFamiliesDoNotCollide(t *testing.T) {
	t.Parallel()
	port, err := freeport.Claim() // a port that the kernel chose for IPv6 may be in use in IPv4
	if err != nil {
		t.Fatal(err)
	}
	any6 := netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port))
	only, at := open(t, stream(unix.AF_INET6, unix.IPPROTO_TCP, any6), Options{})
	if v, _ := unix.GetsockoptInt(only, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); v != 1 {
		t.Errorf("IPV6_V6ONLY is %d, want 1", v)
	}
	open(t, stream(unix.AF_INET, unix.IPPROTO_TCP, netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())), Options{})
	spec := stream(unix.AF_INET6, unix.IPPROTO_TCP, netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	spec.Dual = true
	both, _ := open(t, spec, Options{})
	if v, _ := unix.GetsockoptInt(both, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); v != 0 {
		t.Errorf("IPV6_V6ONLY is %d, want 0", v)
	}
}

func TestWaitSocketIsBlocking(t *testing.T) {
	t.Parallel()
	fd, _ := open(t, stream(unix.AF_INET, unix.IPPROTO_TCP, v4), Options{Blocking: true})
	if status, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); status&unix.O_NONBLOCK != 0 {
		t.Error("the socket of a wait server is non-blocking")
	}
}

func TestBindTakenAddress(t *testing.T) {
	t.Parallel()
	_, at := open(t, stream(unix.AF_INET, unix.IPPROTO_TCP, v4), Options{})
	fd, _, err := Open(stream(unix.AF_INET, unix.IPPROTO_TCP, at), Options{Backlog: 5}, floor)
	if err == nil || err.Error() != "bind: address already in use" {
		t.Errorf("Open gives %d, %v", fd, err)
	}
}
