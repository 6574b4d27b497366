// This file takes a socket back from a wait server that has ended, and lends it again if
// a client waits there; the table says who has the socket.

package inetd

import (
	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
)

// takeBack makes a socket the daemon's again when its wait server has ended.
func (s *Server) takeBack(p *running.Process, st child.Status) {
	k := p.Lent
	if !s.sockets.TakeBack(k, p.Service.Do.Options) {
		return
	}
	waiting := sock.Readable(int(k.FD))
	switch {
	case st.Stage != child.Run:
		sock.Consume(int(k.FD), k.Spec)
	case waiting && p.TookNothing(st):
		s.timers.After(s.doctor.TookNothing(k.Service, p, st), func() { s.gate.Arm(k) })
		return
	default:
		k.Service.Usage().IdleStarts = 0
		if waiting {
			s.relend = append(s.relend, k)
			return
		}
	}
	s.gate.Arm(k)
}

// lendAgain starts the next servers for sockets that have come back readable. They need
// not be polled first.
func (s *Server) lendAgain() {
	for _, k := range s.relend {
		if s.gate.Closed || k.FD < 0 || k.Service.Do.Mode != plan.Lend || k.Service.Usage().Halted {
			s.gate.Arm(k)
			continue
		}
		s.readable(k)
	}
	s.relend = s.relend[:0]
}
