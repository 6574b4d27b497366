package table

import (
	"net/netip"
	"strings"
	"testing"

	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/sock"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestBindings opens sockets and checks their registrations.
func TestBindings(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 0), netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	udp4 := sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: v4}.OfProgram(300001)
	tcp6 := sock.Spec{Family: unix.AF_INET6, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: v6}.OfProgram(300001)
	tcp46 := tcp6
	tcp46.Dual = true
	tests := []struct {
		spec sock.Spec
		want []string
	}{
		{udp4, []string{"2 udp 127.0.0.1:PORT", "3 udp 127.0.0.1:PORT"}},
		{tcp6, []string{"2 tcp6 [::]:PORT", "3 tcp6 [::]:PORT"}},
		{tcp46, []string{"2 tcp 0.0.0.0:PORT", "2 tcp6 [::]:PORT", "3 tcp 0.0.0.0:PORT", "3 tcp6 [::]:PORT"}},
	}
	for _, tt := range tests {
		if tt.spec.Family == unix.AF_INET6 && !machine.IPv6() {
			continue
		}
		k := &Socket{Spec: tt.spec, FD: -1, Service: &Service{Do: &Action{Action: &plan.Action{RPC: plan.RPC{Number: 300001, Low: 2, High: 3}}}}}
		if list := k.Bindings(); list != nil {
			t.Errorf("%v: %v before it is open", tt.spec, list)
		}
		fd, _, err := sock.Open(tt.spec, sock.Options{Backlog: 1}, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		var local sock.Address
		if err := sock.Local(fd, &local); err != nil {
			t.Fatal(err)
		}
		k.FD = int32(fd)
		var got []string
		for _, b := range k.Bindings() {
			if b.Program != 300001 || b.Addr.Port() != local.AddrPort().Port() || b.Addr.Port() == 0 {
				t.Errorf("%v: %v", tt.spec, b)
			}
			got = append(got, strings.Join([]string{string(rune('0' + b.Version)), b.Netid, netip.AddrPortFrom(b.Addr.Addr(), 9).String()}, " "))
		}
		for i := range tt.want {
			tt.want[i] = strings.ReplaceAll(tt.want[i], "PORT", "9")
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", tt.spec, diff)
		}
	}
}
