package arrival

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"

	"inetd/internal/child/childtest"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/sock/socktest"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// visit has a proxy connect and send a text. If the text ends in an exclamation mark,
// which is not sent, the proxy closes its end. visit returns the client that arrives;
// nil: none does, and the proxy sees the end of the connection.
func visit(t *testing.T, a *Arrivals, mail *looptest.Mailbox, k *table.Socket, text string) *client.Client {
	t.Helper()
	proxy, fd := socktest.Pair(t)
	sent, over := strings.CutSuffix(text, "!")
	if _, err := io.WriteString(proxy, sent); err != nil {
		t.Fatal(err)
	}
	if over {
		proxy.Close()
	}
	var arrived *client.Client
	a.Await(k, client.Client{Conn: fd, Peer: netip.MustParseAddrPort("192.0.2.9:3128")}, func(c *client.Client) { arrived = c })
	mail.Until(func() bool { return a.Len() == 0 })
	if arrived == nil && !over {
		if _, err := proxy.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nobody arrives, and the connection is open: %v", err)
		}
	}
	return arrived
}

// TestAwait: the proxy's header says who a client is, and no more is read of the
// connection. Who is no proxy, or sends no header, is refused and counted.
func TestAwait(t *testing.T) {
	t.Parallel()
	const header = "PROXY TCP4 198.51.100.7 203.0.113.1 4711 80\r\n"
	for _, tt := range []struct {
		name, from, sent string
		closed           bool   // whether the socket is closed meanwhile
		want             string // who arrives; "": nobody
		log              string
	}{
		{"a header", "192.0.2.0/24", header + "rest", false, "198.51.100.7:4711 by 192.0.2.9:3128 at 203.0.113.1:80", ""},
		{"of the proxy itself", "192.0.2.0/24", "PROXY UNKNOWN\r\nrest", false, "192.0.2.9:3128", ""},
		{"no proxy", "192.0.3.0/24", header, false, "", "one/tcp: refused connection from 192.0.2.9:3128: it is none of the proxies of this service (inetd.conf:4)\n"},
		{"no header", "192.0.2.0/24", "GET / HTTP/1.0\r\n\r\n", false, "", "one/tcp: refused connection from 192.0.2.9:3128: PROXY header: "},
		{"half a header", "192.0.2.0/24", "PROXY TCP4!", false, "", "PROXY header: the connection ended in it (inetd.conf:4)\n"},
		{"the service is gone", "192.0.2.0/24", header, true, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			starter := childtest.New(t)
			book, mail := booktest.New(t), looptest.New(t)
			proxies := prefix.New([]netip.Prefix{netip.MustParsePrefix(tt.from)})
			v := &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{Action: &plan.Action{Mode: plan.Accept}, Proxies: &proxies}}
			a := New(book.Book, starter, mail.Mailbox)
			got, c := "", visit(t, a, mail, &table.Socket{Service: v, Closed: tt.closed}, tt.sent)
			if c != nil {
				got = c.Peer.String()
				if p := c.Proxied; p != nil {
					got += " by " + p.By.String() + " at " + p.Local.String()
				}
				rest := make([]byte, 4)
				if _, err := unix.Read(c.Conn, rest); string(rest) != "rest" {
					t.Errorf("%q is left on the connection, %v", rest, err)
				}
				if flags, err := unix.FcntlInt(uintptr(c.Conn), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
					t.Errorf("its server gets a descriptor with flags %#x, %v", flags, err)
				}
				if c.Proxied != nil && c.Source != v.Do.Source(c.Peer.Addr()) {
					t.Errorf("it counts as %v", c.Source)
				}
				unix.Close(c.Conn)
			}
			if got != tt.want {
				t.Errorf("%q arrives, want %q", got, tt.want)
			}
			log, refused := book.Lines(), v.Usage().Refused.Proxy
			if !strings.Contains(log, tt.log) || (log == "") != (tt.log == "") || (refused == 1) != (tt.log != "") {
				t.Errorf("%d are refused, the log says %q", refused, log)
			}
			if u := v.Usage(); u.Expected != 0 || a.Room.Len() != 0 {
				t.Errorf("%d are expected, %d have room", u.Expected, a.Room.Len())
			}
		})
	}
}

// TestNoRoom: a client whose header finds no room is gone, and not expected.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	starter := childtest.New(t)
	mail := looptest.New(t)
	proxies := prefix.New([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	v := &table.Service{Label: "one/tcp", Do: &table.Action{Action: &plan.Action{Mode: plan.Accept}, Proxies: &proxies}}
	a := New(booktest.New(t).Book, starter, mail.Mailbox)
	a.Room = limit.Pool{}
	if c := visit(t, a, mail, &table.Socket{Service: v}, "PROXY UNKNOWN\r\n"); c != nil || v.Usage().Expected != 0 {
		t.Errorf("%v arrives, %d are expected", c, v.Usage().Expected)
	}
}

// TestRefusedOften: of many refused clients one is logged, and all are counted.
func TestRefusedOften(t *testing.T) {
	t.Parallel()
	book, v := booktest.New(t), &table.Service{Label: "one/tcp", Do: &table.Action{Action: &plan.Action{}}}
	a := New(book.Book, nil, nil)
	for range 3 {
		a.refuse(v, netip.MustParseAddrPort("192.0.2.9:3128"), "it is none")
	}
	if n := strings.Count(book.Lines(), "\n"); n != 1 || v.Usage().Refused.Proxy != 3 {
		t.Errorf("%d lines, %d refused", n, v.Usage().Refused.Proxy)
	}
}
