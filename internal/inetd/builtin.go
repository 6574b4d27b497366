package inetd

import (
	"net/netip"
	"os"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Bounds on what builtins may use.
const (
	maxBusy       = 256              // stream connections served at once; more wait in the listen queue
	idleTime      = 10 * time.Minute // without a byte either way, before a connection is closed
	perTurn       = 64               // datagrams of one socket answered before others get their turn
	maxDatagram   = 65536
	repliesPerMin = 6000 // datagrams to one source that is not this machine
)

// serveBuiltin serves a client itself.
func (s *Server) serveBuiltin(v *service, c client) {
	v.welcome(c)
	switch v.do.builtin {
	case muxName:
		s.serveMux(v, c)
		return
	case identName:
		s.serveIdent(v, c)
		return
	}
	b, _ := builtin.Lookup(v.do.builtin)
	if b.Brief != nil {
		s.logBuiltin(v, c)
		unix.Write(c.conn, b.Brief(s.env[:0])) // the empty send buffer holds it all
		unix.Close(c.conn)
		return
	}
	s.converse(v, c, func(f connection) { b.Stream(f) }) // its error is the client's affair
}

// converse has a goroutine talk to a client, whose connection is closed when
// talk returns.
func (s *Server) converse(v *service, c client, talk func(connection)) {
	f, err := stream(c.conn, s.starter.Floor())
	if err != nil {
		s.log.Warningf("%s: %s", v.label, strerror.Call(err))
		return
	}
	s.busy++
	s.starter.Above = true // as many connections as clients
	logEnd := s.logBuiltin(v, c)
	go func() {
		talk(f)
		f.Close()
		s.mail.post(func() {
			s.builtinEnded()
			logEnd()
		})
	}()
}

// builtinEnded makes room for the next connection of a builtin.
func (s *Server) builtinEnded() {
	s.busy--
	s.letGo()
}

// connection is a stream that a goroutine may read and write, with a time-out
// on each call.
type connection struct{ *os.File }

// stream takes over a descriptor. It is moved out of the low numbers, which
// connections on their way to a server need.
func stream(conn, floor int) (connection, error) {
	if high, err := unix.FcntlInt(uintptr(conn), unix.F_DUPFD_CLOEXEC, floor); err == nil {
		unix.Close(conn)
		conn = high
	} // else there is none left, and a low one serves as well
	if err := unix.SetNonblock(conn, true); err != nil {
		unix.Close(conn)
		return connection{}, os.NewSyscallError("fcntl", err)
	}
	return connection{os.NewFile(uintptr(conn), "connection")}, nil
}

func (c connection) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(idleTime))
	return c.File.Read(b)
}

func (c connection) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(idleTime))
	return c.File.Write(b)
}

// answer answers the datagrams that wait on the socket of a builtin.
func (s *Server) answer(k *socket) {
	var p sock.Packet
	replier := s.repliers[k]
	for range perTurn {
		n, err := p.Receive(int(k.fd), s.buffer())
		if err != nil {
			return // EAGAIN, or an ICMP error that an earlier reply caused
		}
		reply, ok := replier.Reply(s.env[:0], s.packet[:n])
		s.env = reply[:0]
		if ok && s.mayAnswer(k.svc, &p) {
			p.Reply(int(k.fd), reply)
		}
	}
}

// mayAnswer reports whether a datagram is answered at all. Its source may be
// forged, to have two services feed each other or to bury somebody in replies.
func (s *Server) mayAnswer(v *service, p *sock.Packet) bool {
	if p.Peer.Family() == unix.AF_UNIX {
		return true // that source is real
	}
	peer := p.Peer.AddrPort()
	if p.ToMany() || !builtin.Answerable(peer, func(port uint16) bool { return s.answering[port] }) {
		return false
	}
	return peer.Addr().IsLoopback() || s.admitReply(v, peer.Addr())
}

func (s *Server) admitReply(v *service, source netip.Addr) bool {
	return v.usage().Reply(time.Now(), limit.Address(source), repliesPerMin)
}

// answering returns the ports of datagram builtins.
func answering(services []*service) map[uint16]bool {
	ports := map[uint16]bool{}
	for _, v := range services {
		for k := v.first; k != nil; k = k.next {
			if v.do.builtin != "" && !v.do.listens {
				ports[k.spec.Addr.Port()] = true
			}
		}
	}
	return ports
}

// buffer returns room for one datagram, made when first needed.
func (s *Server) buffer() []byte {
	if s.packet == nil {
		s.packet = make([]byte, maxDatagram)
	}
	return s.packet
}
