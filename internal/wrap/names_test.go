package wrap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"inetd/internal/access"
	"inetd/internal/wrap/dnstest"
)

func testResolver(t *testing.T) *net.Resolver {
	return dnstest.Resolver(t,
		map[string]string{
			"2.0.0.127.in-addr.arpa.": "good.example.test",
			"3.0.0.127.in-addr.arpa.": "liar.example.test",
			"4.0.0.127.in-addr.arpa.": "127.0.0.4",
			"6.0.0.127.in-addr.arpa.": "lost.example.test",
		},
		map[string]string{"good.example.test.": "127.0.0.2", "liar.example.test.": "127.0.0.9"})
}

func TestNames(t *testing.T) {
	n := Names{Resolver: testResolver(t)}
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
		h, err := n.ask(netip.MustParseAddr(test.addr))
		if err != nil {
			t.Fatal(err)
		}
		<-h.found
		if h.name != test.name || h.state != test.state {
			t.Errorf("%s: %q, %v; want %q, %v", test.addr, h.name, h.state, test.name, test.state)
		}
	}
}

// TestNamesBounded has as many lookups under way as may be.
func TestNamesBounded(t *testing.T) {
	release := make(chan struct{})
	n := Names{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, errors.New("no name server")
	}}}
	addr := netip.MustParseAddr("127.0.1.1")
	var asked []*hostName
	for range maxNames {
		h, err := n.ask(addr)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, h)
		addr = addr.Next()
	}
	if _, err := n.ask(addr); err != errNames {
		t.Errorf("one more: %v", err)
	}
	if h, err := n.ask(addr.Prev()); err != nil || h != asked[maxNames-1] {
		t.Errorf("the same once more: %v", err)
	}
	close(release)
	for _, h := range asked {
		<-h.found
	}
	if h, err := n.ask(addr); err != nil {
		t.Errorf("afterwards: %v", err)
	} else {
		<-h.found
	}
}
