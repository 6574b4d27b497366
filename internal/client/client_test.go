package client

import (
	"net"
	"net/netip"
	"reflect"
	"testing"

	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

var (
	peer  = netip.MustParseAddrPort("192.0.2.1:1024")
	proxy = netip.MustParseAddrPort("198.51.100.1:3128")
	local = netip.MustParseAddrPort("203.0.113.1:80")
)

// clients has a client of each kind.
var clients = []struct {
	Client
	from, who string
}{
	{Client{Conn: -1}, "", ""},
	{Client{Conn: -1, Peer: peer, Source: limit.Address(peer.Addr())}, " from 192.0.2.1:1024", "192.0.2.1"},
	{Client{Conn: -1, Peer: peer, Source: limit.Address(peer.Addr()), Proxied: &Proxied{Local: local, By: proxy}, Named: true}, " from 192.0.2.1:1024 by proxy 198.51.100.1:3128", "192.0.2.1"},
	{Client{Conn: -1, Cred: unix.Ucred{Pid: 7, Uid: 8, Gid: 9}, Source: limit.User(8)}, " from uid 8, process 7", limit.User(8).String()},
	{Client{Conn: -1, Source: limit.Machine(3)}, " from " + limit.Machine(3).String(), limit.Machine(3).String()},
}

// TestFrom: the log says of each client where it comes from, and who has reached a limit.
func TestFrom(t *testing.T) {
	t.Parallel()
	v := &table.Service{Do: &table.Action{}}
	for _, c := range clients {
		if got := c.From(); got != c.from {
			t.Errorf("%+v: from %q, want %q", c.Client, got, c.from)
		}
		if got := c.Who(v); c.who != "" && got != c.who {
			t.Errorf("%+v: who %q, want %q", c.Client, got, c.who)
		}
	}
	v.Do.Bits.V4 = 24
	source := v.Do.Source(peer.Addr())
	if c := (Client{Peer: peer, Source: source}); c.Who(v) != source.String() {
		t.Errorf("with networks as sources it is %s", c.Who(v))
	}
}

// TestOf: what one program hands over is the same client for the next.
func TestOf(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		if got := Of(c.Saved()); !reflect.DeepEqual(got, c.Client) {
			t.Errorf("got %+v, want %+v", got, c.Client)
		}
	}
}

// TestLocal: the local end is what the kernel says, or what a proxy says.
func TestLocal(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var scratch sock.Address
	raw.Control(func(fd uintptr) {
		c := Client{Conn: int(fd)}
		if got, want := c.Local(&scratch).String(), l.Addr().String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		c.Proxied = &Proxied{Local: local, By: proxy}
		if got := c.Local(&scratch); got != local {
			t.Errorf("got %s from a proxy, want %s", got, local)
		}
	})
	if got := (&Client{Conn: -1}).Local(&scratch); got.IsValid() {
		t.Errorf("got %s without a connection", got)
	}
}
