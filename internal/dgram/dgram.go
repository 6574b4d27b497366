// Package dgram gives each client of a UDP service a socket of its own, as if UDP had
// connections. In goes the first datagram of a client, taken from the socket of the
// service; out comes a Session: a second socket, bound to the same address and connected
// to the client, with that datagram in its queue.
//
// From then on the kernel delivers the client's datagrams to the second socket. The
// first datagram is sent once more over the loopback device, so that it arrives there,
// too. What a server has left unread when it ends is put back in the same way: it arrives
// again, at the socket of another session or at that of the service. So no datagram is
// lost, and no client has two servers at a time.
//
// Sending a datagram in the name of its client takes a raw socket, and so CAP_NET_RAW.
// GiveAway is for a daemon without this capability.
//
// A Table belongs to one goroutine and never blocks.
package dgram

import (
	"errors"
	"net/netip"
	"time"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// MaxSize is the size in bytes of a buffer that has room for any datagram.
const MaxSize = 65536

// Pair is who sent the first datagram of a session, and to which address.
type Pair struct{ Client, Asked netip.AddrPort }

// PairOf returns the pair of a datagram that came in on a socket.
func PairOf(p *sock.Packet, spec sock.Spec) Pair {
	return Pair{p.Peer.AddrPort(), p.Asked(spec)}
}

// Answerable reports whether a server could answer the client. The sender of a forged
// datagram may be no address of a machine, or that of the service itself.
func (e Pair) Answerable() bool {
	a := e.Client.Addr()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && e.Client.Port() != 0 && e.Client != e.Asked
}

// Session is a client and the socket that is for it alone. The caller's type Owner stands
// for the socket of the service.
type Session[Owner any] struct {
	Pair
	At    Owner
	Conn  int            // a descriptor of the socket, which the session owns
	Local netip.AddrPort // address of the socket; not valid: no datagram can be put back
	Taken int64          // sock.Stamp of the socket when its server was started
}

// Remains is what the server of a session has left behind.
type Remains struct {
	Read   bool // the server has taken a datagram
	Unread bool // there are more
}

// Remains looks at the socket after the end of its server. If the socket is empty and
// nothing can be put back, it receives nothing from then on: it is about to be closed.
func (t *Session[Owner]) Remains() Remains {
	unread := t.Waits()
	if !unread && !t.Local.IsValid() {
		sock.StopReceiving(t.Conn)
		unread = t.Waits() // what came just before
	}
	return Remains{Read: sock.Stamp(t.Conn) != t.Taken, Unread: unread}
}

// Waits reports whether a datagram waits in the socket. A server may have shut it down for
// reading: such a socket is readable for ever, and nothing is in it.
func (t *Session[Owner]) Waits() bool { return sock.Readable(t.Conn) && !sock.HungUp(t.Conn) }

// Table holds the sessions.
type Table[Owner any] struct {
	// Lost is called when a datagram could not be put back, with its session.
	Lost func(*Session[Owner], error)

	open     map[Pair]*Session[Owner]
	closed   []*Session[Owner] // their unread datagrams are being put back
	injector *sock.Injector
}

// Prepare opens the raw sockets that put datagrams back, unless they are open. Their
// descriptors are at floor or above.
func (ts *Table[Owner]) Prepare(floor int) (err error) {
	if ts.injector != nil {
		return nil
	}
	if ts.injector, err = sock.NewInjector(floor); err != nil {
		return err
	}
	ts.open = map[Pair]*Session[Owner]{}
	return nil
}

// Find returns the open session of a pair; nil: there is none.
func (ts *Table[Owner]) Find(e Pair) *Session[Owner] { return ts.open[e] }

// Sessions returns the open sessions by pair. The map is the table's own.
func (ts *Table[Owner]) Sessions() map[Pair]*Session[Owner] { return ts.open }

// Closing reports whether unread datagrams have yet to be put back.
func (ts *Table[Owner]) Closing() bool { return len(ts.closed) > 0 }

// Adopt takes over an open session that another program has made. Prepare must have
// succeeded.
func (ts *Table[Owner]) Adopt(t *Session[Owner]) { ts.open[t.Pair] = t }

// Open makes a session whose socket holds the first datagram: p, with the bytes b, which
// was taken from the service's socket fd. The new descriptor is at floor or above. Prepare
// must have succeeded.
func (ts *Table[Owner]) Open(at Owner, fd int, spec sock.Spec, o sock.Options, p *sock.Packet, b []byte, floor int) (*Session[Owner], error) {
	conn, err := p.Connect(fd, spec, o, floor)
	if err != nil {
		return nil, err
	}
	var local sock.Address
	sock.Local(conn, &local)
	t := &Session[Owner]{Pair: PairOf(p, spec), At: at, Conn: conn, Local: local.AddrPort()}
	if err := ts.begin(t, b, sock.Readable(fd)); err != nil {
		unix.Close(conn)
		return nil, err
	}
	return t, nil
}

// settleTime is how long datagrams of others may still come to a socket after it has been
// connected: those for which the kernel chose the socket before. Under a flood they came
// within 40 us, unless the machine itself was stopped meanwhile.
const settleTime = 50 * time.Microsecond

// begin opens a session whose socket is connected by now. Datagrams that came before, also
// from others, arrive once more, after the first datagram. If many come, begin waits for
// the last of them: the server would take them for its client's.
func (ts *Table[Owner]) begin(t *Session[Owner], first []byte, many bool) error {
	early := unread(t.Conn)
	for connected := time.Now(); (many || len(early) > 0) && time.Since(connected) < settleTime; {
		early = append(early, unread(t.Conn)...)
	}
	if err := ts.injector.Inject(t.Client, t.Local, first); err != nil {
		return err
	}
	for _, d := range early {
		ts.PutBack(t, d.from, d.text)
	}
	t.Taken = sock.Stamp(t.Conn)
	ts.open[t.Pair] = t
	return nil
}

// PutBack has a datagram arrive once more at the address of a session. The kernel
// delivers it to the socket that is connected to its sender, or else to the service's.
func (ts *Table[Owner]) PutBack(t *Session[Owner], from netip.AddrPort, b []byte) {
	if !t.Local.IsValid() {
		return
	}
	if err := ts.injector.Inject(from, t.Local, b); err != nil {
		ts.Lost(t, err)
	}
}

// Return has a datagram for which no session could be opened arrive once more at the
// socket of the service. Prepare must have succeeded.
func (ts *Table[Owner]) Return(e Pair, b []byte) error {
	return ts.injector.Inject(e.Client, e.Asked, b)
}

// errKept is why datagrams are lost where there is no raw socket to put them back.
var errKept = errors.New("without raw sockets, what a server has left unread cannot be put back")

// Close ends a session. PutBackUnread puts its unread datagrams back.
func (ts *Table[Owner]) Close(t *Session[Owner]) {
	if !t.Local.IsValid() {
		if t.Waits() {
			ts.Lost(t, errKept)
		}
		ts.Drop(t)
		return
	}
	sock.StopReceiving(t.Conn) // datagrams that arrive from now on go to the service's socket
	delete(ts.open, t.Pair)
	ts.closed = append(ts.closed, t)
}

// PutBackUnread puts back up to max datagrams of closed sessions, one after the other
// in b, which has room for MaxSize. It reports whether there may be more.
func (ts *Table[Owner]) PutBackUnread(b []byte, max int) (more bool) {
	var p sock.Packet
	for range max {
		if len(ts.closed) == 0 {
			return false
		}
		t := ts.closed[0]
		n, err := p.Receive(t.Conn, b)
		from := p.Peer.AddrPort()
		switch {
		case err == unix.EAGAIN, err == nil && !from.IsValid(): // it is empty, or shut down
			unix.Close(t.Conn)
			ts.closed = ts.closed[1:]
		case err == nil:
			ts.PutBack(t, from, b[:n])
		} // any other error is an ICMP error that an answer has caused
	}
	return true
}

// Drop ends a session and drops its unread datagrams, unless a process still has the
// socket.
func (ts *Table[Owner]) Drop(t *Session[Owner]) {
	unix.Close(t.Conn)
	delete(ts.open, t.Pair)
}

// CloseAll ends all sessions. Their servers are left alone.
func (ts *Table[Owner]) CloseAll() {
	for _, t := range ts.open {
		ts.Drop(t)
	}
	for _, t := range ts.closed {
		unix.Close(t.Conn)
	}
	if ts.injector != nil {
		ts.injector.Close()
	}
}

// datagram is a datagram and its sender.
type datagram struct {
	from netip.AddrPort
	text []byte
}

// leastCharge is less than what the kernel charges the receive buffer for a
// datagram besides its bytes (SKB_TRUESIZE).
const leastCharge = 256

// unread takes the datagrams out of a socket that were in it at the call. It takes no
// more than the receive buffer can have held, so that it ends although a client goes
// on sending.
func unread(fd int) (list []datagram) {
	var p sock.Packet
	var b []byte
	left, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	for left > 0 && sock.Readable(fd) {
		if b == nil {
			b = make([]byte, MaxSize)
		}
		n, err := p.Receive(fd, b)
		left -= n + leastCharge
		switch {
		case err != nil: // the ICMP error of an earlier answer
		case !p.Peer.AddrPort().IsValid():
			return list // no sender: the socket has been shut down
		default:
			list = append(list, datagram{p.Peer.AddrPort(), append([]byte(nil), b[:n]...)})
		}
	}
	return list
}
