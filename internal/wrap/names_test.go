package wrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
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
		h := n.ask(netip.MustParseAddr(test.addr))
		<-h.found
		if h.name != test.name || h.state != test.state {
			t.Errorf("%s: %q, %v; want %q, %v", test.addr, h.name, h.state, test.name, test.state)
		}
	}
}

// TestNamesShared: clients of one source, and of one service, who wait for a slow
// name server leave room for others; and who needs no name server needs no room.
func TestNamesShared(t *testing.T) {
	release := make(chan struct{})
	n := Names{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, errors.New("no name server")
	}}}
	var waiting sync.WaitGroup
	begin := func(service, addr string) error {
		q := access.Query{Daemon: service, Peer: netip.MustParseAddrPort(addr), Local: netip.MustParseAddrPort("127.0.0.1:1")}
		room, err := n.enter(&q)
		if err != nil {
			return err
		}
		waiting.Go(func() { n.wait(&q, room) })
		return nil
	}
	source := func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::%x]:7", i/namesPerSource, i) }
	for i := range namesPerSource {
		if err := begin("one", source(i)); err != nil {
			t.Fatalf("client %d of a source: %v", i, err)
		}
	}
	if err := begin("other", "[2001:db8::ffff]:7"); err != errNames {
		t.Errorf("one more of that source: %v", err)
	}
	for i := namesPerSource; i < namesPerService; i++ {
		if err := begin("one", source(i)); err != nil {
			t.Fatalf("client %d of a service: %v", i, err)
		}
	}
	if err := begin("one", "[2001:db9::1]:7"); err != errNames {
		t.Errorf("one more of that service: %v", err)
	}
	if err := begin("other", "[2001:db9::1]:7"); err != nil {
		t.Errorf("another service: %v", err)
	}
	q := access.Query{Daemon: "one", Peer: netip.MustParseAddrPort("127.0.0.1:7"), Local: netip.MustParseAddrPort("127.0.0.1:1")}
	if err := n.find(&q); err != nil || q.NameState != access.Confirmed {
		t.Errorf("a name of /etc/hosts: %v, %v", q.NameState, err)
	}
	close(release)
	waiting.Wait()
	if err := begin("one", "[2001:db8::ffff]:7"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	waiting.Wait()
}
