package sock

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRestore: whatever a server has changed of a socket is again as Open has made it,
// and what it has not changed stays.
func TestRestore(t *testing.T) {
	t.Parallel()
	group := [4]byte{224, 0, 0, 251}
	group6 := netip.MustParseAddr("ff02::fb").As16()
	lo := 1
	set := func(level, option, value int) func(int) error {
		return func(fd int) error { return unix.SetsockoptInt(fd, level, option, value) }
	}
	for _, tt := range []struct {
		option string
		change func(fd int) error
		kinds  string // the kinds of socket that have it
	}{
		{"SO_BROADCAST", set(unix.SOL_SOCKET, unix.SO_BROADCAST, 1), "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_KEEPALIVE", set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1), "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_RCVTIMEO", func(fd int) error {
			return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
		}, "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_LINGER", func(fd int) error {
			return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}, "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_RCVBUF", set(unix.SOL_SOCKET, unix.SO_RCVBUF, 5000), "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_SNDBUF", set(unix.SOL_SOCKET, unix.SO_SNDBUF, 10000), "udp4 udp6 tcp4 tcp6 unix"},
		{"SO_REUSEADDR", set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), "udp4 udp6 unix"},
		{"IP_TTL", set(unix.IPPROTO_IP, unix.IP_TTL, 3), "udp4 tcp4"},
		{"IP_TOS", set(unix.IPPROTO_IP, unix.IP_TOS, 16), "udp4 tcp4"},
		{"IP_PKTINFO", set(unix.IPPROTO_IP, unix.IP_PKTINFO, 1), "udp4"},
		{"IPV6_UNICAST_HOPS", set(unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 3), "udp6 tcp6"},
		{"IPV6_RECVPKTINFO", set(unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1), "udp6"},
		{"TCP_NODELAY", set(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), "tcp4 tcp6"},
		{"TCP_DEFER_ACCEPT", set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 9), "tcp4 tcp6"},
		{"groups", func(fd int) error {
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group, Ifindex: int32(lo)})
		}, "udp4"},
		{"groups", func(fd int) error {
			return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group6, Interface: uint32(lo)})
		}, "udp6"},
		{"a filter", func(fd int) error {
			all := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}
			return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &all})
		}, "udp4 udp6 unix"}, // on tcp only root may
	} {
		for kind := range strings.FieldsSeq(tt.kinds) {
			s, o := kindOf(t, kind), Options{Mode: 0o600, UID: -1, GID: -1, Backlog: 1, Blocking: true}
			fd, _ := open(t, s, o)
			if changed := Restore(fd, s, o); len(changed) != 0 {
				t.Errorf("%s: new, and changed: %q", kind, changed)
			}
			if err := tt.change(fd); err != nil {
				t.Fatalf("%s, %s: %v", tt.option, kind, err)
			}
			if changed := Restore(fd, s, o); !slices.Equal(changed, []string{tt.option}) {
				t.Errorf("%s, %s: changed: %q", tt.option, kind, changed)
			}
			if changed := Restore(fd, s, o); len(changed) != 0 {
				t.Errorf("%s, %s: restored, and changed: %q", tt.option, kind, changed)
			}
		}
	}
}

// kindOf returns the Spec of a socket of a kind, at any address.
func kindOf(t *testing.T, kind string) Spec {
	switch kind {
	case "unix":
		return UnixSpec(unix.SOCK_DGRAM, t.TempDir()+"/sock")
	case "udp4":
		return Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	case "udp6":
		return Spec{Family: unix.AF_INET6, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("[::1]:0")}
	case "tcp4":
		return Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	}
	return Spec{Family: unix.AF_INET6, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort("[::1]:0")}
}
