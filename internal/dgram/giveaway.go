package dgram

import (
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// GiveAway connects the service's socket old to one client, the sender of p, and opens
// another socket for the service. It is for where no datagram can be put back. It returns
// the descriptor of the new socket, which is at floor or above. Datagrams of other clients
// that are already in the queue stay with the old socket: see Redirect. After an error the
// service keeps old.
func GiveAway(old int, spec sock.Spec, o sock.Options, p *sock.Packet, floor int) (fd int, err error) {
	if err := sock.Share(old, true); err != nil {
		return -1, err
	}
	if fd, _, err = sock.Open(spec, o, floor); err == nil {
		if err = sock.Connect(old, &p.Peer); err == nil {
			return fd, unix.SetNonblock(old, false)
		}
		unix.Close(fd)
	}
	sock.Share(old, false)
	return -1, err
}

// Given is the session of a socket that GiveAway has connected to a client.
func Given[Owner any](at Owner, e Pair, conn int) *Session[Owner] {
	return &Session[Owner]{Pair: e, At: at, Conn: conn, Taken: sock.Stamp(conn)}
}

// Redirect connects the socket of a session to the sender of the next datagram in it that
// can be answered, which may be another client where nothing can be put back. It looks at
// up to max datagrams, for which b has room, and reports whether there is such a sender.
func (t *Session[Owner]) Redirect(b []byte, max int) bool {
	if t.Local.IsValid() {
		return true
	}
	var p sock.Packet
	for range max {
		if p.Peek(t.Conn) != nil || !p.Peer.AddrPort().IsValid() {
			break
		}
		t.Client = p.Peer.AddrPort()
		if t.Answerable() && sock.Connect(t.Conn, &p.Peer) == nil {
			return true
		}
		p.Receive(t.Conn, b)
	}
	return false
}
