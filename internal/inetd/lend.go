package inetd

import (
	"time"

	"inetd/internal/environ"
	"inetd/internal/limit"
)

// lend gives the socket itself to a wait server. Until that has ended nobody
// else looks at it.
func (s *Server) lend(k *socket) {
	v := k.svc
	if !s.mayStart(v) || !s.admit(v, &client{}) {
		return
	}
	queued := k.queued()
	s.env = environ.Append(s.env[:0], "PROTO", v.do.Proto)
	if v.do.Listen {
		s.env = environ.AppendListen(s.env, v.label)
	}
	e, err := s.stderrOf(v)
	pid := 0
	if err == nil {
		pid, err = s.starter.Lend(v.do.program, int(k.fd), e.write, s.env)
	}
	if err != nil {
		e.unused()
		s.release(v, limit.Source{})
		s.rest(k, "fork", err)
		return
	}
	k.server = int32(pid)
	v.usage().Started++
	s.unpoll(k)
	p := process{svc: v, program: v.do.program, lent: k, queued: queued, begun: time.Now().UnixNano()}
	now := s.track(pid, p, true)
	s.hear(e, pid, now)
	s.logStart(now, pid)
	s.limitTime(pid, now)
	s.limitIdle(pid, now)
}
