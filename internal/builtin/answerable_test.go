package builtin

import (
	"net/netip"
	"testing"
)

func TestAnswerable(t *testing.T) {
	t.Parallel()
	ours := func(port uint16) bool { return port == 1007 }
	tests := []struct {
		peer string
		want bool
	}{
		{"192.0.2.1:40000", true},
		{"192.0.2.1:53", true},
		{"192.0.2.1:9", true},
		{"127.0.0.1:40000", true},
		{"[::1]:40000", true},
		{"[fe80::1%eth0]:40000", true},
		{"[::ffff:192.0.2.1]:40000", true},

		{"192.0.2.1:0", false},
		{"192.0.2.1:7", false},
		{"[2001:db8::1]:13", false},
		{"127.0.0.1:17", false},
		{"[::1]:19", false},
		{"[::ffff:192.0.2.1]:37", false},
		{"192.0.2.1:1007", false},

		{"0.0.0.0:40000", false},
		{"[::]:40000", false},
		{"[::ffff:0.0.0.0]:40000", false},
		{"255.255.255.255:40000", false},
		{"[::ffff:255.255.255.255]:40000", false},
		{"224.0.0.1:40000", false},
		{"239.1.2.3:40000", false},
		{"[ff02::1]:40000", false},
		{"[ff02::1%eth0]:40000", false},
		{"[::ffff:224.0.0.1]:40000", false},
	}
	for _, tt := range tests {
		if got := Answerable(netip.MustParseAddrPort(tt.peer), ours); got != tt.want {
			t.Errorf("Answerable(%s) = %v, want %v", tt.peer, got, tt.want)
		}
	}
	if Answerable(netip.AddrPortFrom(netip.Addr{}, 40000), ours) {
		t.Error("an invalid address is answerable")
	}
}

// Two daemons, or two services of one, that are fed a datagram with the other's
// address as its source must not answer each other.
func TestAnswerableEndsLoops(t *testing.T) {
	t.Parallel()
	none := func(uint16) bool { return false }
	for _, port := range []uint16{7, 13, 19, 37} {
		if Answerable(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), none) {
			t.Errorf("a datagram that claims to come from port %d is answered", port)
		}
	}
}
