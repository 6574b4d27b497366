package inetd

import (
	"errors"

	"inetd/internal/child"
	"inetd/internal/dgram"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Nowait datagram services. Package dgram gives each client a socket of its own; here
// its server is admitted, started, and followed by another one for what it has left
// unread.

// dgramSession is a client of a nowait datagram service and its server.
type dgramSession = dgram.Session[*socket]

// dgramSessions are those clients.
type dgramSessions struct {
	dgram.Table[*socket]
	denied bool // no datagram can be put back, and the log says so
}

// clientOfPair is the client of a service, without a connection yet.
func clientOfPair(v *service, e dgram.Pair) *client {
	return &client{conn: -1, peer: e.Client, source: v.do.source(e.Client.Addr())}
}

// receive serves the datagrams that wait on the socket of a nowait service, up
// to the first for which a server is started.
func (s *Server) receive(k *socket) {
	if !s.canPutBack(k) {
		s.giveAway(k)
		return
	}
	var p sock.Packet
	for n := 0; n < s.share && s.mayStart(k.svc); n++ {
		size, err := p.Receive(int(k.fd), s.buffer())
		if err != nil || s.deliver(k, &p, s.packet[:size]) {
			return // the error is EAGAIN
		}
	}
}

// canPutBack reports whether datagrams of a socket can be put back.
func (s *Server) canPutBack(k *socket) bool {
	if k.spec.Protocol != unix.IPPROTO_UDP || s.sessions.denied {
		return false
	}
	if err := s.sessions.Prepare(s.starter.Floor()); err != nil {
		s.sessions.denied = true
		s.log.Noticef("%s: %s: without raw sockets a datagram may get to the server of another client that came just before", k.svc.label, strerror.Call(err))
		return false
	}
	return true
}

// deliver serves one datagram. It reports whether a server was to be started for it;
// other sockets have their turn then.
func (s *Server) deliver(k *socket, p *sock.Packet, b []byte) bool {
	e, v := dgram.PairOf(p, k.spec), k.svc
	if t := s.sessions.Find(e); t != nil { // it arrived before its session was connected
		s.sessions.PutBack(t, e.Client, b)
		return false
	}
	if !e.Answerable() || !s.admit(v, clientOfPair(v, e)) {
		return false
	}
	t, err := s.sessions.Open(k, int(k.fd), k.spec, v.do.Options, p, b, s.starter.Floor())
	if err != nil {
		s.unserved(k, e, b, err)
		return true
	}
	s.starter.Note(t.Conn)
	s.startSession(t)
	return true
}

// startSession starts the server of a session, which has been admitted.
func (s *Server) startSession(t *dgramSession) {
	v := t.At.svc
	c := *clientOfPair(v, t.Pair)
	conn, err := unix.FcntlInt(uintptr(t.Conn), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		s.release(v, c.source)
		s.sessions.Close(t)
		s.rest(t.At, "fcntl", err)
		return
	}
	c.conn, c.session = conn, t
	s.start(delayed{svc: v, client: c, program: v.do.program})
}

// unserved handles a datagram b that was admitted and for which there can be no socket.
// If others will fare no better now, it goes back to the socket of the service.
func (s *Server) unserved(k *socket, e dgram.Pair, b []byte, err error) {
	u, source := k.svc.usage(), k.svc.do.source(e.Client.Addr())
	if exhausted(err) && !k.spec.Group() && s.sessions.Return(e, b) == nil {
		u.Withdraw(source)
		s.rest(k, "client's socket", err)
		return
	}
	s.release(k.svc, source)
	s.lost(k.svc, "client's socket", err)
	if exhausted(err) {
		s.restQuietly(k)
	}
}

// notPutBack logs that a datagram is lost.
func (s *Server) notPutBack(t *dgramSession, err error) { s.lost(t.At.svc, "datagram", err) }

// sessionEnded handles the end of a session's server. Another one is started for
// datagrams that it has left unread, unless it has read none: nor would the next.
func (s *Server) sessionEnded(p *process, st child.Status) {
	t := p.client.session
	orphans := unix.Kill(-st.Pid, 0) != unix.ESRCH // processes that it has left may still read
	if st.Stage != child.Run || orphans {
		s.sessions.Drop(t)
		return
	}
	left := t.Remains()
	if left.Read {
		t.At.svc.usage().idleStarts = 0
	}
	switch {
	case !left.Unread:
		s.sessions.Close(t)
	case !left.Read:
		s.delayRestart(t.At.svc, p, st)
		s.sessions.Drop(t)
	default:
		t.Taken = sock.Stamp(t.Conn)
		s.restartSession(t)
	}
}

// restartSession starts another server for unread datagrams if that is allowed now.
// Otherwise they go back to the socket of the service, to wait there with others.
func (s *Server) restartSession(t *dgramSession) {
	// If the client is gone, the answer has come back as an ICMP error, and the next
	// server would read that first. Asking for it takes it away.
	unix.GetsockoptInt(t.Conn, unix.SOL_SOCKET, unix.SO_ERROR)
	v := t.At.svc
	if s.holding || t.At.closed || v.do.Mode != plan.Connect || v.usage().suspended || !s.mayStart(v) || !t.Redirect(s.buffer(), perTurn) || !s.admit(v, clientOfPair(v, t.Pair)) {
		s.sessions.Close(t)
		return
	}
	s.startSession(t)
}

// giveAway serves the next datagram where none can be put back: the server gets the
// socket of the service itself, and the service gets a new one.
func (s *Server) giveAway(k *socket) {
	v := k.svc
	var p sock.Packet
	if !s.mayStart(v) || p.Peek(int(k.fd)) != nil {
		return
	}
	e := dgram.PairOf(&p, k.spec)
	if !e.Answerable() || !s.admit(v, clientOfPair(v, e)) {
		s.consume(k)
		return
	}
	old := int(k.fd)
	fd, err := -1, errManagers
	if _, inherited := s.inherited[k.spec]; !inherited {
		fd, err = dgram.GiveAway(old, k.spec, v.do.Options, &p, s.starter.Floor())
	}
	source := v.do.source(e.Client.Addr())
	switch {
	case err == nil:
	case exhausted(err): // the datagram is still in the queue
		v.usage().Withdraw(source)
		s.rest(k, "client's socket", err)
		return
	default:
		s.consume(k)
		s.release(v, source)
		s.lost(v, "client's socket", err)
		return
	}
	s.unpoll(k)
	s.sockets[old] = nil
	s.opened(k, fd)
	s.startSession(dgram.Given(k, e, old))
}

var errManagers = errors.New("the socket is the service manager's and cannot become that of one client; give the daemon CAP_NET_RAW, or do not have this socket opened for it")
