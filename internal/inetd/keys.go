package inetd

import (
	"fmt"
	"time"

	"inetd/internal/compile"

	"golang.org/x/sys/unix"
)

// limitTime ends a server that has just started once its time is over, if it has
// a limit.
func (s *Server) limitTime(pid int, p *process) {
	k := p.svc.Do.Keys
	if k == nil || k.MaxTime == 0 || pid <= 0 {
		return
	}
	begun := p.begun
	running := func() bool { now := s.processes[pid]; return now == p && now.begun == begun }
	s.timers.After(time.Until(time.Unix(0, begun).Add(k.MaxTime)), func() {
		if running() {
			s.endServer(pid, p, fmt.Sprintf("run for %v, its max_time,", k.MaxTime), "max_time")
		}
	})
}

// endServer tells a server to end because it has been or done something for too long,
// and kills it some time later.
func (s *Server) endServer(pid int, p *process, what, key string) {
	if p.kill != 0 {
		return
	}
	at := time.Now().Add(compile.EndTime(p.svc.Do.Keys))
	p.kill = at.UnixNano()
	unix.Kill(-pid, unix.SIGTERM) // the server leads a session of its own
	s.log.Noticef("%s: %s[%d]%s has %s and is ended (%s)", p.svc.Label, p.program.Path(), pid, p.client.from(), what, s.placeOf(p.svc, key))
	s.killAt(pid, p, at)
}

// killAt kills a server that was told to end and has not by then.
func (s *Server) killAt(pid int, p *process, at time.Time) {
	begun := p.begun
	s.timers.After(time.Until(at), func() {
		if now := s.processes[pid]; now == p && now.begun == begun {
			s.log.Warningf("%s: %s[%d] has not ended within %v and is killed (%s)", p.svc.Label, p.program.Path(), pid, compile.EndTime(p.svc.Do.Keys), s.now.Place(p.svc))
			unix.Kill(-pid, unix.SIGKILL)
		}
	})
}
