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
	k.Server = 0
	if k.Closed {
		s.vacated(k)
	}
	if k.FD < 0 {
		return
	}
	if k.Service.Do.Options != p.Service.Do.Options {
		s.apply(k, p.Service.Do.Options.Tuning)
	}
	if s.mend(k); k.FD < 0 {
		return
	}
	waiting := sock.Readable(int(k.FD))
	switch {
	case st.Stage != child.Run:
		sock.Consume(int(k.FD), k.Spec)
	case waiting && p.TookNothing(st):
		s.timers.After(s.doctor.TookNothing(k.Service, p, st), func() { s.arm(k) })
		return
	default:
		k.Service.Usage().IdleStarts = 0
		if waiting {
			s.relend = append(s.relend, k)
			return
		}
	}
	s.arm(k)
}

// lendAgain starts the next servers for the sockets that have come back with
// something waiting on them: polling them would only tell this once more.
func (s *Server) lendAgain() {
	for _, k := range s.relend {
		if s.holding || k.FD < 0 || k.Service.Do.Mode != plan.Lend || k.Service.Usage().Halted {
			s.arm(k)
			continue
		}
		s.readable(k)
	}
	s.relend = s.relend[:0]
}
