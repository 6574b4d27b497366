package sockdiag

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// TestFind: the socket that listens at an address or on all, and the server's end of a
// connection once it is accepted.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ listen, to string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {"[::]:0", "127.0.0.1"}, {"[::]:0", "::1"}, {"0.0.0.0:0", "127.0.0.1"},
	} {
		l, err := net.Listen("tcp", tt.listen)
		if err != nil {
			t.Logf("%s: %v", tt.listen, err) // there is no IPv6 here
			continue
		}
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		at := netip.AddrPortFrom(netip.MustParseAddr(tt.to), port)
		k, ok, err := Find(netip.AddrPort{}, at)
		if err != nil || !ok || k.State != Listen || k.Inode == 0 || int(k.UID) != os.Getuid() || k.Local.Port() != port {
			t.Errorf("%s: %+v, %v, %v", at, k, ok, err)
		}
		conn, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer served.Close()
		from := conn.LocalAddr().(*net.TCPAddr).AddrPort()
		if k, ok, err := Find(from, at); err != nil || !ok || k.State != Established || k.Inode == 0 || int(k.UID) != os.Getuid() || k.Remote != from {
			t.Errorf("%s: connection: %+v, %v, %v", at, k, ok, err)
		}
		l.Close()
		if k, ok, err := Find(netip.AddrPort{}, at); err != nil || ok {
			t.Errorf("%s: closed: %+v, %v, %v", at, k, ok, err)
		}
	}
}
