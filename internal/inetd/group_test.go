package inetd

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestMulticastGroups: a datagram service on a multicast address gets what another
// machine sends to the group, on the interfaces there are and on one that comes
// later.
func TestMulticastGroups(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	device := func() (index int) {
		f.do(func() {
			far, err := net.InterfaceByName("far0")
			if err != nil {
				t.Fatal(err)
			}
			index = far.Index
		})
		return index
	}
	daemon(t, "", `239.9.0.1:7001 dgram udp4 nowait - /bin/cat
[ff02::7001%net0]:7002 dgram udp6 nowait - /bin/cat
[ff05::7003]:7003 dgram udp6 nowait - /bin/cat
`, nil)
	all := func() {
		t.Helper()
		for to, from := range map[string]string{
			"239.9.0.1:7001": "10.9.0.1:7001",
			fmt.Sprintf("[ff02::7001%%%d]:7002", device()): "[fe80::1]:7002",
			"[ff05::7003]:7003":                            "[fd09::1]:7003",
		} {
			conn := f.listen(t, to)
			for _, text := range []string{"one", "two"} {
				eventually(t, func() error {
					conn.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort(to))
					conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
					b := make([]byte, 10)
					n, sender, err := conn.ReadFromUDPAddrPort(b)
					if at := netip.AddrPortFrom(sender.Addr().Unmap().WithZone(""), sender.Port()); err == nil && at.String() != from {
						t.Errorf("%s answers as %v, want %s", to, at, from)
					}
					if err == nil && string(b[:n]) != text {
						err = fmt.Errorf("%s answers %q with %q", to, text, b[:n])
					}
					return err
				})
			}
		}
	}
	all()
	f.do(func() { ip(t, "link del far0") })
	f.plug(t)
	all()
}
