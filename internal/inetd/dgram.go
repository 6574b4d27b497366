package inetd

import (
	"net/netip"

	"inetd/internal/child"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// talks are the nowait datagram servers that run, each with a client of its
// own.
//
// The socket of the service is drained. For the first datagram of a client a
// second socket is bound to the same address and connected to the client, which
// the kernel prefers from then on; the datagram is put back, so that it arrives
// there, and a server is started with that socket. The daemon keeps a copy of
// it: if the server ends with datagrams unread another one is started for them.
// So none is lost, and no client has two servers at a time.
type talks struct {
	open     map[ends]*talk
	ended    []*talk // whose unread datagrams are being put back
	injector *sock.Injector
	denied   bool // there can be no injector, which has been said
}

// ends are the two addresses of the first datagram of a talk.
type ends struct{ client, asked netip.AddrPort }

// asClient is the client, without a connection yet.
func (e ends) asClient() *client {
	return &client{conn: -1, peer: e.client, source: limit.Address(e.client.Addr())}
}

// talk is a client of a datagram service and its server.
type talk struct {
	ends
	at    *socket        // of the service
	conn  int            // the daemon's copy of the server's socket
	local netip.AddrPort // its address; not valid: nothing can be put back
	taken int64          // sock.Stamp of it when the server was started
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
	if k.spec.Protocol != unix.IPPROTO_UDP || s.talks.denied {
		return false
	}
	if s.talks.injector != nil {
		return true
	}
	var err error
	if s.talks.injector, err = sock.NewInjector(s.starter.Floor()); err != nil {
		s.talks.denied = true
		s.log.Noticef("%s: %s: without raw sockets a datagram may get to the server of another client that came just before", k.svc.label, strerror.Call(err))
		return false
	}
	s.talks.open = map[ends]*talk{}
	s.starter.Above = true // as many talks as clients
	return true
}

// deliver serves one datagram. It reports whether that took long.
func (s *Server) deliver(k *socket, p *sock.Packet, b []byte) bool {
	e := ends{p.Peer.AddrPort(), p.Asked(k.spec)}
	if t := s.talks.open[e]; t != nil { // it came before the talk had its socket
		s.putBack(t, e.client, b)
		return false
	}
	if !e.answerable() || !s.admit(k.svc, e.asClient()) {
		return false
	}
	t, err := s.begin(k, p, e, b)
	if err != nil {
		s.release(k.svc, e.asClient().source)
		s.unserved(k, err)
		return true
	}
	s.startTalk(t)
	return true
}

// startTalk starts the server of a talk, which has been admitted.
func (s *Server) startTalk(t *talk) {
	conn, err := unix.FcntlInt(uintptr(t.conn), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		s.release(t.at.svc, t.asClient().source)
		s.dissolve(t)
		s.rest(t.at, "fcntl", err)
		return
	}
	c := *t.asClient()
	c.conn, c.talk = conn, t
	s.start(delayed{svc: t.at.svc, client: c, program: t.at.svc.do.program})
}

// answerable reports whether a server could answer the client. A forged sender
// may be nobody, or the service itself.
func (e ends) answerable() bool {
	a := e.client.Addr()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && e.client.Port() != 0 && e.client != e.asked
}

// begin opens a talk whose socket holds the first datagram.
func (s *Server) begin(k *socket, p *sock.Packet, e ends, b []byte) (*talk, error) {
	conn, err := p.Connect(int(k.fd), k.spec, k.svc.do.Options, s.starter.Floor())
	if err != nil {
		return nil, err
	}
	sock.Local(conn, &s.local)
	t := &talk{ends: e, at: k, conn: conn, local: s.local.AddrPort()}
	early := unread(conn) // also of others, until it was connected
	if err := s.talks.injector.Inject(e.client, t.local, b); err != nil {
		unix.Close(conn)
		return nil, err
	}
	for _, d := range early {
		s.putBack(t, d.from, d.text)
	}
	t.taken = sock.Stamp(conn)
	s.talks.open[e] = t
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

// putBack has a datagram arrive again at the address of a talk.
func (s *Server) putBack(t *talk, from netip.AddrPort, b []byte) {
	if !t.local.IsValid() {
		return
	}
	if err := s.talks.injector.Inject(from, t.local, b); err != nil {
		s.lack(t.at.svc, "datagram", err)
	}
}

// hangUp handles the end of a talk's server. What that has not read is for
// another one, unless it has read nothing at all: neither would that.
func (s *Server) hangUp(p *process, st child.Status) {
	t := p.client.talk
	orphans := unix.Kill(-st.Pid, 0) != unix.ESRCH // they may still read
	if st.Stage != child.Run || orphans {
		s.end(t)
		return
	}
	taken := sock.Stamp(t.conn)
	if taken != t.taken {
		t.at.svc.usage().balks = 0
	}
	if !pollIn(t.conn) || shutDown(t.conn) {
		s.dissolve(t)
		return
	}
	if taken == t.taken {
		s.balked(t.at.svc, p, st)
		s.end(t)
		return
	}
	t.taken = taken
	s.resume(t)
}

// resume starts another server for what is unread, if that may be now. If not,
// it waits with what comes from other clients.
func (s *Server) resume(t *talk) {
	// An answer to a client who has gone comes back as an error, which would be
	// the first thing that is read.
	unix.GetsockoptInt(t.conn, unix.SOL_SOCKET, unix.SO_ERROR)
	v := t.at.svc
	if t.at.closed || v.do.Mode != plan.Talk || v.usage().suspended || !s.mayStart(v) || !s.redirect(t) || !s.admit(v, t.asClient()) {
		s.dissolve(t)
		return
	}
	s.startTalk(t)
}

// dissolve ends a talk. What is unread is put back in the next turns of the loop.
func (s *Server) dissolve(t *talk) {
	if !t.local.IsValid() {
		s.end(t)
		return
	}
	sock.Deafen(t.conn) // what comes from now on goes to the service's socket
	delete(s.talks.open, t.ends)
	s.talks.ended = append(s.talks.ended, t)
}

// putBackUnread puts back up to 64 datagrams that servers have left unread. It
// reports whether there may be more.
func (s *Server) putBackUnread() (more bool) {
	var p sock.Packet
	for range perTurn {
		if len(s.talks.ended) == 0 {
			return false
		}
		t := s.talks.ended[0]
		n, err := p.Receive(t.conn, s.buffer())
		from := p.Peer.AddrPort()
		switch {
		case err == unix.EAGAIN, err == nil && !from.IsValid(): // it is empty, or shut down
			unix.Close(t.conn)
			s.talks.ended = s.talks.ended[1:]
		case err == nil:
			s.putBack(t, from, s.packet[:n])
		} // else it is an ICMP error that an answer has caused
	}
	return true
}

// end closes the daemon's part of a talk.
func (s *Server) end(t *talk) {
	unix.Close(t.conn)
	delete(s.talks.open, t.ends)
}

// hangUpAll ends all talks, whose servers are left alone.
func (s *Server) hangUpAll() {
	for _, t := range s.talks.open {
		s.end(t)
	}
	for _, t := range s.talks.ended {
		unix.Close(t.conn)
	}
	if s.talks.injector != nil {
		s.talks.injector.Close()
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

// unread takes the datagrams out of a socket that were in it at the call. A client
// that goes on sending adds no end to them: no more are taken than the receive
// buffer can have held.
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
		case err != nil: // an ICMP error that an earlier answer caused
		case !p.Peer.AddrPort().IsValid():
			return list // nobody sent it: the socket has been shut down
		default:
			list = append(list, datagram{p.Peer.AddrPort(), append([]byte(nil), b[:n]...)})
		}
	}
	return list
}

// pollIn reports whether something other than an error can be read from a
// descriptor at once.
func pollIn(fd int) bool { return poll(fd, unix.POLLIN) }

// shutDown reports whether a server has shut a datagram socket down for reading.
// Such a socket is readable for ever.
func shutDown(fd int) bool { return poll(fd, unix.POLLRDHUP) }

func poll(fd int, events int16) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(p, 0)
	return n == 1 && err == nil && p[0].Revents&events != 0
}
