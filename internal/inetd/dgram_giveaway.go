package inetd

import (
	"errors"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// giveAway serves the next datagram where none can be put back: the server gets the
// socket of the service itself, connected to the client, and the service gets a new
// one. Datagrams of other clients that are already in the queue stay with the old
// socket: this server or the next one reads them.
func (s *Server) giveAway(k *socket) {
	v := k.svc
	var p sock.Packet
	if !s.mayStart(v) || p.Peek(int(k.fd)) != nil {
		return
	}
	e := pair{p.Peer.AddrPort(), p.Asked(k.spec)}
	if !e.answerable() || !s.admit(v, e.asClient(v)) {
		s.consume(k)
		return
	}
	fd, err := s.replace(k, &p)
	if err != nil {
		s.consume(k)
		s.release(v, e.asClient(v).source)
		s.unserved(k, err)
		return
	}
	old := int(k.fd)
	s.unpoll(k)
	s.sockets[old] = nil
	s.opened(k, fd)
	s.startSession(&dgramSession{pair: e, at: k, conn: old, taken: sock.Stamp(old)})
}

var errManagers = errors.New("that of the service manager cannot be given away, which takes raw sockets to avoid")

// replace opens a new socket for the service of k and connects the old one to
// the sender of a datagram.
func (s *Server) replace(k *socket, p *sock.Packet) (fd int, err error) {
	if _, inherited := s.inherited[k.spec]; inherited {
		return -1, errManagers
	}
	old := int(k.fd)
	if err := sock.Share(old, true); err != nil {
		return -1, err
	}
	if fd, _, err = sock.Open(k.spec, k.svc.do.Options, s.starter.Floor()); err == nil {
		if err = sock.Connect(old, &p.Peer); err == nil {
			return fd, unix.SetNonblock(old, false)
		}
		unix.Close(fd)
	}
	sock.Share(old, false)
	return -1, err
}

// redirect connects the socket of a session to the sender of the next datagram in
// it. Where nothing can be put back, that may be another client. It reports whether
// there is such a datagram.
func (s *Server) redirect(t *dgramSession) bool {
	if t.local.IsValid() {
		return true
	}
	var p sock.Packet
	for range perTurn {
		if p.Peek(t.conn) != nil || !p.Peer.AddrPort().IsValid() {
			break
		}
		t.client = p.Peer.AddrPort()
		if t.answerable() && sock.Connect(t.conn, &p.Peer) == nil {
			return true
		}
		p.Receive(t.conn, s.buffer())
	}
	return false
}
