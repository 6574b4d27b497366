package inetd

import (
	"fmt"
	"time"

	"inetd/internal/compile"
	"inetd/internal/running"

	"golang.org/x/sys/unix"
)

// limitTime ends a server that has just started once its time is over, if it has
// a limit.
func (s *Server) limitTime(pid int, p *running.Process) {
	k := p.Service.Do.Keys
	if k == nil || k.MaxTime == 0 || pid <= 0 {
		return
	}
	s.running.After(p, time.Until(time.Unix(0, p.Begun).Add(k.MaxTime)), func() {
		s.endServer(pid, p, fmt.Sprintf("run for %v, its max_time,", k.MaxTime), "max_time")
	})
}

// endServer tells a server to end because it has been or done something for too long,
// and kills it some time later.
func (s *Server) endServer(pid int, p *running.Process, what, key string) {
	if p.Kill != 0 {
		return
	}
	at := time.Now().Add(compile.EndTime(p.Service.Do.Keys))
	p.Kill = at.UnixNano()
	unix.Kill(-pid, unix.SIGTERM) // the server leads a session of its own
	s.log.Noticef("%s: %s[%d]%s has %s and is ended (%s)", p.Service.Label, p.Program.Path(), pid, p.Client.From(), what, s.log.PlaceOf(p.Service, key))
	s.killAt(pid, p, at)
}

// killAt kills a server that was told to end and has not by then.
func (s *Server) killAt(pid int, p *running.Process, at time.Time) {
	s.running.After(p, time.Until(at), func() {
		s.log.Warningf("%s: %s[%d] has not ended within %v and is killed (%s)", p.Service.Label, p.Program.Path(), pid, compile.EndTime(p.Service.Do.Keys), s.log.Place(p.Service))
		unix.Kill(-pid, unix.SIGKILL)
	})
}
