// This file serves nowait datagram services: package dgram gives each client a socket of
// its own, and the loop admits clients and starts servers, again if datagrams are left
// unread.

package inetd

import (
	"errors"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/dgram"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// dgramSessions are the clients of nowait datagram services.
type dgramSessions struct {
	dgram.Table[*table.Socket]
	denied bool // no datagram can be put back, and the log says so
}

// clientOfPair returns the client of a service, without a connection yet.
func clientOfPair(v *table.Service, e dgram.Pair) *client.Client {
	return &client.Client{Conn: -1, Peer: e.Client, Source: v.Do.Source(e.Client.Addr())}
}

// receive serves the datagrams that wait on the socket of a nowait service, up
// to the first for which a server is started.
func (s *Server) receive(k *table.Socket) {
	if !s.canPutBack(k) {
		s.giveAway(k)
		return
	}
	var p sock.Packet
	for n := 0; n < s.share && s.gate.MayStart(k.Service); n++ {
		size, err := p.Receive(int(k.FD), s.buffer())
		if err != nil || s.deliver(k, &p, s.packet[:size]) {
			return // the error is EAGAIN
		}
	}
}

// canPutBack reports whether datagrams of a socket can be put back.
func (s *Server) canPutBack(k *table.Socket) bool {
	if k.Spec.Protocol != unix.IPPROTO_UDP || s.sessions.denied {
		return false
	}
	if err := s.sessions.Prepare(s.starter.Floor()); err != nil {
		s.sessions.denied = true
		s.log.Noticef("%s: %s: without raw sockets a server may also get datagrams that other clients sent just before it started", k.Service.Label, strerror.Call(err))
		return false
	}
	return true
}

// deliver serves one datagram. It reports whether the datagram needed a server: then it
// is the turn of other sockets.
func (s *Server) deliver(k *table.Socket, p *sock.Packet, b []byte) bool {
	e, v := dgram.PairOf(p, k.Spec), k.Service
	if t := s.sessions.Find(e); t != nil { // the datagram arrived before its session was connected
		s.sessions.PutBack(t, e.Client, b)
		return false
	}
	if !e.Answerable() || !s.door.Admit(v, clientOfPair(v, e), s.turned) {
		return false
	}
	t, err := s.sessions.Open(k, int(k.FD), k.Spec, v.Do.Options, p, b, s.starter.Floor())
	if err != nil {
		s.unserved(k, e, b, err)
		return true
	}
	s.starter.Note(t.Conn)
	s.startSession(t)
	return true
}

// startSession starts the server of a session whose client has been admitted.
func (s *Server) startSession(t *client.Session) {
	v := t.At.Service
	c := *clientOfPair(v, t.Pair)
	conn, err := child.Low(t.Conn)
	if err != nil {
		s.release(v, c.Source)
		s.sessions.Close(t)
		s.gate.Rest(t.At, "fcntl", err)
		return
	}
	c.Conn, c.Session = conn, t
	s.start(&delayed{svc: v, client: c, program: v.Do.Program})
}

// unserved handles a datagram b that was admitted but for which no socket can be opened.
// If others would fare no better, as the system has run out of something, b goes back to
// the socket of the service.
func (s *Server) unserved(k *table.Socket, e dgram.Pair, b []byte, err error) {
	u, source := k.Service.Usage(), k.Service.Do.Source(e.Client.Addr())
	if sock.Exhausted(err) && !k.Spec.Group() && s.sessions.Return(e, b) == nil {
		u.Withdraw(source)
		s.gate.Rest(k, "client's socket", err)
		return
	}
	s.release(k.Service, source)
	s.log.DatagramLost(k.Service, "client's socket", err)
	if sock.Exhausted(err) {
		s.gate.RestQuietly(k)
	}
}

// notPutBack logs that a datagram is lost because it could not be put back.
func (s *Server) notPutBack(t *client.Session, err error) {
	s.log.DatagramLost(t.At.Service, "datagram", err)
}

// sessionEnded handles the end of a session's server. Another server is started for
// datagrams that the first has left unread, unless the first has read none: the next
// would read none either. It reports whether another server was started.
func (s *Server) sessionEnded(p *running.Process, st child.Status) (restarted bool) {
	t := p.Client.Session
	orphans := unix.Kill(-st.Pid, 0) != unix.ESRCH // processes that the server left behind may still read
	if st.Stage != child.Run || orphans {
		s.sessions.Drop(t)
		return false
	}
	left := t.Remains()
	if left.Read {
		t.At.Service.Usage().IdleStarts = 0
	}
	switch {
	case !left.Unread:
		s.sessions.Close(t)
	case !left.Read:
		s.doctor.TookNothing(t.At.Service, p, st)
		s.sessions.Drop(t)
	default:
		t.Taken = sock.Stamp(t.Conn)
		return s.restartSession(t)
	}
	return false
}

// restartSession starts another server for unread datagrams if that is allowed now, and
// reports whether it did. Otherwise the datagrams go back to the socket of the service
// and wait there with others.
func (s *Server) restartSession(t *client.Session) bool {
	// If the client is gone, the answer has come back as an ICMP error, which the next
	// server would read first. Asking for the error clears it.
	unix.GetsockoptInt(t.Conn, unix.SOL_SOCKET, unix.SO_ERROR)
	v := t.At.Service
	if s.gate.Closed || t.At.Closed || v.Do.Mode != plan.Connect || v.Usage().Halted || !s.gate.MayStart(v) || !t.Redirect(s.buffer(), perTurn) || !s.door.Admit(v, clientOfPair(v, t.Pair), s.turned) {
		s.sessions.Close(t)
		return false
	}
	s.startSession(t)
	return true
}

// giveAway serves the next datagram where none can be put back: the server gets the
// socket of the service itself, and the service gets a new one.
func (s *Server) giveAway(k *table.Socket) {
	v := k.Service
	var p sock.Packet
	if !s.gate.MayStart(v) || p.Peek(int(k.FD)) != nil {
		return
	}
	e := dgram.PairOf(&p, k.Spec)
	if !e.Answerable() || !s.door.Admit(v, clientOfPair(v, e), s.turned) {
		sock.Consume(int(k.FD), k.Spec)
		return
	}
	old := int(k.FD)
	fd, err := -1, errManagers
	if !s.sockets.Managers(k) {
		fd, err = dgram.GiveAway(old, k.Spec, v.Do.Options, &p, s.starter.Floor())
	}
	source := v.Do.Source(e.Client.Addr())
	switch {
	case err == nil:
	case sock.Exhausted(err): // the datagram is still in the queue
		v.Usage().Withdraw(source)
		s.gate.Rest(k, "client's socket", err)
		return
	default:
		sock.Consume(int(k.FD), k.Spec)
		s.release(v, source)
		s.log.DatagramLost(v, "client's socket", err)
		return
	}
	s.sockets.Replace(k, fd)
	s.startSession(dgram.Given(k, e, old))
}

var errManagers = errors.New("the socket is the service manager's and cannot become that of one client; give the daemon CAP_NET_RAW, or do not have this socket opened for it")
