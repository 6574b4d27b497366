// This file answers the datagrams of builtins, a share of them in each turn of the loop.

package inetd

import (
	"time"

	"inetd/internal/builtin"
	"inetd/internal/dgram"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// answer answers the datagrams that wait on the socket of a builtin.
func (s *Server) answer(k *table.Socket) {
	var p sock.Packet
	replier := s.replier(k)
	for range s.share {
		if !s.gate.MayStart(k.Service) {
			return
		}
		n, err := p.Receive(int(k.FD), s.buffer())
		if err != nil {
			return // EAGAIN, or an ICMP error that an earlier reply caused
		}
		reply, ok := replier.Reply(s.env[:0], s.packet[:n])
		s.env = reply[:0]
		if ok && s.mayAnswer(k.Service, &p) {
			k.Service.Usage().Starts.Admit(time.Now(), 0, k.Service.Do.Limits.Window)
			p.Reply(int(k.FD), reply)
		}
	}
}

// replier returns the builtin that answers on a socket. Its state ends with a reload.
func (s *Server) replier(k *table.Socket) *builtin.Service {
	b := s.repliers[k]
	if b == nil {
		made, _ := builtin.Lookup(k.Service.Do.Builtin, s.clock.Now)
		b = &made
		s.repliers[k] = b
	}
	return b
}

// mayAnswer reports whether a datagram may be answered. Its source may be forged, to make
// two services answer each other or to flood somebody with replies.
func (s *Server) mayAnswer(v *table.Service, p *sock.Packet) bool {
	if p.Peer.Family() == unix.AF_UNIX {
		return true // the kernel vouches for this source
	}
	peer := p.Peer.AddrPort()
	if !s.door.Hears(v, peer) || p.ToMany() || !builtin.Answerable(peer, func(port uint16) bool { return s.answering[port] }) {
		return false
	}
	return s.door.Answers(v, peer.Addr())
}

// buffer returns room for one datagram, made when first needed.
func (s *Server) buffer() []byte {
	if s.packet == nil {
		s.packet = make([]byte, dgram.MaxSize)
	}
	return s.packet
}
