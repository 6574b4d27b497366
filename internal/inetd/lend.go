package inetd

import (
	"time"

	"inetd/internal/environ"
	"inetd/internal/limit"
	"inetd/internal/sock"
)

// lend gives the socket itself to a wait server. Until that has ended nobody
// else looks at it.
func (s *Server) lend(k *socket) {
	v := k.svc
	if !s.mayStart(v) {
		return
	}
	first, err := s.firstClient(k)
	if err != nil { // EAGAIN: another process has taken it
		s.arm(k)
		return
	}
	if !s.admit(v, &first) {
		s.consume(k)
		s.arm(k)
		return
	}
	queued := k.queued()
	s.env = environ.Append(s.env[:0], "PROTO", v.do.Proto)
	s.env = (&delayed{svc: v, client: first}).appendHost(s.env)
	if v.do.Listen {
		s.env = environ.AppendListen(s.env, v.label)
	}
	pid := 0
	e, err := s.stderrOf(v)
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

// firstClient is who a wait server is started for, as far as that matters: the sender
// of the first datagram, if the entry says who may use the service or the server is to
// be told. Limits of sources are not for who is not known in general.
func (s *Server) firstClient(k *socket) (c client, err error) {
	do := k.svc.do
	if !do.Listens && (do.guarded || s.sensed != nil || do.keys != nil && do.keys.RemoteHost) {
		var p sock.Packet
		err = p.Peek(int(k.fd))
		c.peer = p.Peer.AddrPort()
	}
	return c, err
}
