package wrap

import (
	"net/netip"
	"testing"

	"inetd/internal/access"
	"inetd/internal/wrap/dnstest"
)

func TestNames(t *testing.T) {
	n := names{resolver: dnstest.Example(t)}
	for _, test := range []struct {
		addr, name string
		state      access.NameState
	}{
		{"127.0.0.2", "good.example.test", access.Confirmed},
		{"127.0.0.3", "", access.Mismatch},
		{"127.0.0.4", "", access.Unknown},
		{"127.0.0.5", "", access.Unknown},
		{"127.0.0.6", "", access.Mismatch},
	} {
		h := n.ask(netip.MustParseAddr(test.addr))
		<-h.found
		if h.name != test.name || h.state != test.state {
			t.Errorf("%s: %q, %v; want %q, %v", test.addr, h.name, h.state, test.name, test.state)
		}
	}
}
