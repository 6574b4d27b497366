package inetd

import (
	"net/netip"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// dgramSessions are the clients of nowait datagram services that have a server. Each
// client has its own.
//
// The daemon reads the socket of the service. For the first datagram of a client it
// binds a second socket to the same address and connects it to the client; from then
// on the kernel delivers the client's datagrams there. It sends the first datagram to
// itself once more, so that this arrives there, too, and starts a server with the
// second socket, of which it keeps a descriptor. If the server ends with datagrams
// unread, another one is started for them. So no datagram is lost, and no client has
// two servers at a time.
type dgramSessions struct {
	open     map[pair]*dgramSession
	closed   []*dgramSession // their unread datagrams are being put back
	injector *sock.Injector
	denied   bool // there can be no injector, and the log says so
}

// pair is who sent the first datagram of a session, and to which address.
type pair struct{ client, asked netip.AddrPort }

// asClient is the client of a service, without a connection yet.
func (e pair) asClient(v *service) *client {
	return &client{conn: -1, peer: e.client, source: v.do.source(e.client.Addr())}
}

// dgramSession is a client of a nowait datagram service and its server.
type dgramSession struct {
	pair
	at    *socket        // of the service
	conn  int            // the daemon's descriptor of the server's socket
	local netip.AddrPort // address of that socket; not valid: no datagram can be put back
	taken int64          // sock.Stamp of that socket when the server was started
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

// canPutBack reports whether datagrams of a socket can be injected.
func (s *Server) canPutBack(k *socket) bool {
	if k.spec.Protocol != unix.IPPROTO_UDP || s.sessions.denied {
		return false
	}
	if s.sessions.injector != nil {
		return true
	}
	var err error
	if s.sessions.injector, err = sock.NewInjector(s.starter.Floor()); err != nil {
		s.sessions.denied = true
		s.log.Noticef("%s: %s: without raw sockets a datagram may get to the server of another client that came just before", k.svc.label, strerror.Call(err))
		return false
	}
	s.sessions.open = map[pair]*dgramSession{}
	return true
}

// deliver serves one datagram. It reports whether a server was to be started for it;
// other sockets have their turn then.
func (s *Server) deliver(k *socket, p *sock.Packet, b []byte) bool {
	e := pair{p.Peer.AddrPort(), p.Asked(k.spec)}
	if t := s.sessions.open[e]; t != nil { // it arrived before its session was connected
		s.putBack(t, e.client, b)
		return false
	}
	if !e.answerable() || !s.admit(k.svc, e.asClient(k.svc)) {
		return false
	}
	t, err := s.openSession(k, p, e, b)
	if err != nil {
		s.release(k.svc, e.asClient(k.svc).source)
		s.unserved(k, err)
		return true
	}
	s.startSession(t)
	return true
}

// startSession starts the server of a session, which has been admitted.
func (s *Server) startSession(t *dgramSession) {
	conn, err := unix.FcntlInt(uintptr(t.conn), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		s.release(t.at.svc, t.asClient(t.at.svc).source)
		s.closeSession(t)
		s.rest(t.at, "fcntl", err)
		return
	}
	c := *t.asClient(t.at.svc)
	c.conn, c.session = conn, t
	s.start(delayed{svc: t.at.svc, client: c, program: t.at.svc.do.program})
}

// answerable reports whether a server could answer the client. The sender of a forged
// datagram may be no address of a machine, or that of the service itself.
func (e pair) answerable() bool {
	a := e.client.Addr()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && e.client.Port() != 0 && e.client != e.asked
}

// openSession makes a session whose socket holds the first datagram.
func (s *Server) openSession(k *socket, p *sock.Packet, e pair, b []byte) (*dgramSession, error) {
	conn, err := p.Connect(int(k.fd), k.spec, k.svc.do.Options, s.starter.Floor())
	if err != nil {
		return nil, err
	}
	s.starter.Note(conn)
	sock.Local(conn, &s.local)
	t := &dgramSession{pair: e, at: k, conn: conn, local: s.local.AddrPort()}
	early := unread(conn) // also from others, which arrived before it was connected
	if err := s.sessions.injector.Inject(e.client, t.local, b); err != nil {
		unix.Close(conn)
		return nil, err
	}
	for _, d := range early {
		s.putBack(t, d.from, d.text)
	}
	t.taken = sock.Stamp(conn)
	s.sessions.open[e] = t
	return t, nil
}

// unserved handles a datagram for which there can be no server.
func (s *Server) unserved(k *socket, err error) {
	if exhausted(err) {
		s.rest(k, "client's socket", err)
		return
	}
	s.lack(k.svc, "client's socket", err) // of this client: others may be served
}

// putBack has a datagram arrive once more at the address of a session. The kernel
// delivers it to the socket that is connected to its sender, or else to the service's.
func (s *Server) putBack(t *dgramSession, from netip.AddrPort, b []byte) {
	if !t.local.IsValid() {
		return
	}
	if err := s.sessions.injector.Inject(from, t.local, b); err != nil {
		s.lack(t.at.svc, "datagram", err)
	}
}

// sessionEnded handles the end of a session's server. Another one is started for
// datagrams that it has left unread, unless it has read none: nor would the next.
func (s *Server) sessionEnded(p *process, st child.Status) {
	t := p.client.session
	orphans := unix.Kill(-st.Pid, 0) != unix.ESRCH // processes that it has left may still read
	if st.Stage != child.Run || orphans {
		s.dropSession(t)
		return
	}
	taken := sock.Stamp(t.conn)
	if taken != t.taken {
		t.at.svc.usage().idleStarts = 0
	}
	if !pollIn(t.conn) || shutDown(t.conn) {
		s.closeSession(t)
		return
	}
	if taken == t.taken {
		s.delayRestart(t.at.svc, p, st)
		s.dropSession(t)
		return
	}
	t.taken = taken
	s.restartSession(t)
}

// restartSession starts another server for unread datagrams if that is allowed now.
// Otherwise they go back to the socket of the service, to wait there with others.
func (s *Server) restartSession(t *dgramSession) {
	// If the client is gone, the answer has come back as an ICMP error, and the next
	// server would read that first. Asking for it takes it away.
	unix.GetsockoptInt(t.conn, unix.SOL_SOCKET, unix.SO_ERROR)
	v := t.at.svc
	if s.holding || t.at.closed || v.do.Mode != plan.Connect || v.usage().suspended || !s.mayStart(v) || !s.redirect(t) || !s.admit(v, t.asClient(v)) {
		s.closeSession(t)
		return
	}
	s.startSession(t)
}

// closeSession ends a session. Its unread datagrams are put back in the next turns of
// the loop.
func (s *Server) closeSession(t *dgramSession) {
	if !t.local.IsValid() {
		s.dropSession(t)
		return
	}
	sock.StopReceiving(t.conn) // datagrams that arrive from now on go to the service's socket
	delete(s.sessions.open, t.pair)
	s.sessions.closed = append(s.sessions.closed, t)
}

// putBackUnread puts back up to 64 datagrams that servers have left unread. It
// reports whether there may be more.
func (s *Server) putBackUnread() (more bool) {
	var p sock.Packet
	for range perTurn {
		if len(s.sessions.closed) == 0 {
			return false
		}
		t := s.sessions.closed[0]
		n, err := p.Receive(t.conn, s.buffer())
		from := p.Peer.AddrPort()
		switch {
		case err == unix.EAGAIN, err == nil && !from.IsValid(): // it is empty, or shut down
			unix.Close(t.conn)
			s.sessions.closed = s.sessions.closed[1:]
		case err == nil:
			s.putBack(t, from, s.packet[:n])
		} // else it is an ICMP error that an answer has caused
	}
	return true
}

// dropSession ends a session and drops its unread datagrams, unless a process still
// has the socket.
func (s *Server) dropSession(t *dgramSession) {
	unix.Close(t.conn)
	delete(s.sessions.open, t.pair)
}

// closeSessions ends all sessions. Their servers are left alone.
func (s *Server) closeSessions() {
	for _, t := range s.sessions.open {
		s.dropSession(t)
	}
	for _, t := range s.sessions.closed {
		unix.Close(t.conn)
	}
	if s.sessions.injector != nil {
		s.sessions.injector.Close()
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
	for left > 0 && pollIn(fd) {
		if b == nil {
			b = make([]byte, maxDatagram)
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

// pollIn reports whether a descriptor is readable. An error alone does not count.
func pollIn(fd int) bool { return poll(fd, unix.POLLIN) }

// shutDown reports whether a server has shut a datagram socket down for reading.
// Such a socket is readable for ever.
func shutDown(fd int) bool { return poll(fd, unix.POLLRDHUP) }

func poll(fd int, events int16) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(p, 0)
	return n == 1 && err == nil && p[0].Revents&events != 0
}
