package inetd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"inetd/internal/conf"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestManagersSocketIsKept has no raw sockets, so that the server of a client
// would get the service manager's own socket, connected.
func TestManagersSocketIsKept(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT dgram udp4 nowait - /bin/cat\n", nil)
	spec := sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("127.0.0.1:" + sc.port)}
	fd, err := sock.Open(spec, sock.Options{}, 3)
	if err != nil {
		t.Fatal(err)
	}
	sc.cfg.Inherited = []int{fd}
	sc.start()
	sc.s.talks.denied = true
	conn, err := net.Dial("udp4", spec.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	k := sc.s.sockets[sc.s.inherited[spec]]
	for sc.s.receive(k); readable(int(k.fd)); {
		sc.s.receive(k)
	}
	if _, err := unix.Getpeername(int(k.fd)); err != unix.ENOTCONN {
		t.Errorf("the peer of the service manager's socket: %v", err)
	}
	sc.wantLog("^.*: client's socket: that of the service manager cannot be given away, which takes raw sockets to avoid; trying again$")
	sc.s.log.Close(time.Second)
}

// TestAsInherited has one inherited socket for both families.
func TestAsInherited(t *testing.T) {
	t.Parallel()
	port := func(family uint8, addr string, dual bool) sock.Spec {
		return sock.Spec{Family: family, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Dual: dual, Addr: netip.MustParseAddrPort(addr)}
	}
	v4, v6, both := port(unix.AF_INET, "0.0.0.0:21", false), port(unix.AF_INET6, "[::]:21", false), port(unix.AF_INET6, "[::]:21", true)
	tests := []struct {
		inherited []sock.Spec
		line      string
		want      []sock.Spec
	}{
		{[]sock.Spec{both}, "21 stream tcp", []sock.Spec{both}},
		{[]sock.Spec{both}, "21 stream tcp46", []sock.Spec{both}},
		{[]sock.Spec{both}, "21 stream tcp4", []sock.Spec{v4}},
		{[]sock.Spec{both}, "21 stream tcp6", []sock.Spec{v6}},
		{[]sock.Spec{v6}, "21 stream tcp", []sock.Spec{v4, v6}},
		{[]sock.Spec{port(unix.AF_INET6, "[::]:22", true)}, "21 stream tcp", []sock.Spec{v4, v6}},
		{nil, "21 stream tcp", []sock.Spec{v4, v6}},
	}
	for _, tt := range tests {
		entries, problems := conf.Parse("f", []byte(tt.line+" nowait - /bin/cat\n"), nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		l := &loader{cfg: &Config{inherited: tt.inherited}}
		wants, _ := l.addresses(&entries[0])
		same := len(wants) == len(tt.want)
		for i := range wants {
			same = same && wants[i].spec == tt.want[i]
		}
		if !same {
			t.Errorf("%s with %v: %v, want %v", tt.line, tt.inherited, wants, tt.want)
		}
	}
}
