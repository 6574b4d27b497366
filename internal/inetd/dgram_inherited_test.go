package inetd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestManagersSocketIsKept: the service manager's own socket is not connected to a client
// and given away, as would be done with another socket where raw sockets are denied.
func TestManagersSocketIsKept(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT dgram udp4 nowait - /bin/cat\n", nil)
	spec := sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("127.0.0.1:" + sc.port)}
	fd, _, err := sock.Open(spec, sock.Options{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	sc.cfg.Inherited = []int{fd}
	sc.start()
	sc.s.sessions.denied = true
	conn, err := net.Dial("udp4", spec.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	k := sc.s.now.Services[0].First
	for sc.s.receive(k); sock.Readable(int(k.FD)); {
		sc.s.receive(k)
	}
	if _, err := unix.Getpeername(int(k.FD)); err != unix.ENOTCONN {
		t.Errorf("the peer of the service manager's socket: %v", err)
	}
	sc.wantLog("^.*: client's socket: the socket is the service manager's and cannot become that of one client; give the daemon CAP_NET_RAW, or do not have this socket opened for it; the datagram is lost \\(.*:1\\)$")
	sc.s.log.Close(time.Second)
}
