package plan

import (
	"net/netip"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestAsInherited: one inherited socket for both families replaces the two of "tcp".
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
		l := newLoader(&Config{}, &Host{IPv6: true, Inherited: tt.inherited}, false)
		wants, _ := l.addresses(&entries[0])
		same := len(wants) == len(tt.want)
		for i := range wants {
			same = same && wants[i].Spec == tt.want[i]
		}
		if !same {
			t.Errorf("%s with %v: %v, want %v", tt.line, tt.inherited, wants, tt.want)
		}
	}
}

// TestWithoutIPv6: if the kernel has no IPv6, a service for both families is opened for
// IPv4 alone, and one notice says so. A service for IPv6 alone stays one for IPv6.
func TestWithoutIPv6(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ protocol, want string }{
		{"tcp", "0.0.0.0:21"}, {"tcp4", "0.0.0.0:21"}, {"tcp46", "0.0.0.0:21"}, {"tcp6", "[::]:21"},
	} {
		entries, problems := conf.Parse("f", []byte("21 stream "+tt.protocol+" nowait - /bin/cat\n"), nil)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		l := newLoader(&Config{}, &Host{}, false)
		for range 2 {
			wants, _ := l.addresses(&entries[0])
			if len(wants) != 1 || wants[0].Spec.Addr.String() != tt.want || wants[0].Spec.Dual {
				t.Errorf("%s: %v, want %s", tt.protocol, wants, tt.want)
			}
		}
		if told, want := len(l.plan.Problems), map[bool]int{true: 1}[tt.protocol == "tcp" || tt.protocol == "tcp46"]; told != want {
			t.Errorf("%s: told %d times, want %d", tt.protocol, told, want)
		}
	}
}

// TestPacketsOfSCTP: an entry for seqpacket sockets of SCTP, which the kernel cannot
// accept on, is refused unless it is a wait entry, however the protocol is written.
func TestPacketsOfSCTP(t *testing.T) {
	t.Parallel()
	for line, served := range map[string]bool{
		"21 seqpacket sctp4 nowait - /bin/cat": false, "21 seqpacket 132 nowait - /bin/cat": false,
		"21 seqpacket sctp4 wait - /bin/cat": true, "21 seqpacket sctp4 listen - /bin/cat": true, "21 stream sctp4 nowait - /bin/cat": true,
	} {
		entries, problems := conf.Parse("f", []byte(line+"\n"), nil)
		if len(problems) > 0 {
			t.Fatal(line, problems)
		}
		l := newLoader(&Config{}, &Host{Clone: true}, false)
		wants, _ := l.addresses(&entries[0])
		if told := len(l.plan.Problems); (len(wants) == 1) != served || (told == 0) != served {
			t.Errorf("%s: %d sockets, %d problems", line, len(wants), told)
		}
	}
}
