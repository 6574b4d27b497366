package inetd

import (
	"fmt"
	"time"

	"inetd/internal/diagnose"
	"inetd/internal/limit"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// mayStart asks the limits that hold for all clients of a service together.
// When one is reached the service's sockets are not polled for a while: new
// clients wait in the listen queue and nobody is turned away.
func (s *Server) mayStart(v *table.Service) bool {
	if s.bound(v) != unbound {
		s.armAll(v)
		return false
	}
	l := v.Do.Limits
	if l.Starts == 0 {
		return true
	}
	if now := time.Now(); v.Usage().Starts.Full(now, l.Starts, l.Window) && !v.Do.RefusesFull() {
		s.suspend(v, now)
		return false
	}
	return true
}

// bound is the limit on what runs at once that keeps a service from a further
// client, if there is one. Clients of tcpmux ask for room when they enter.
func (s *Server) bound(v *table.Service) bound {
	switch {
	case s.inquiries.Full() && (s.inquiries.Wants(v.Do) || v.Do.AsksNames):
		return byInquiries
	case v.Used != nil && v.Used.NoRoom(v.Do.Limits) && !v.Do.RefusesFull():
		return byService
	case v.Do.Proxies != nil && !s.arrivals.Room.Room(v.Label, time.Now()):
		return byHeaders
	case v.Do.Builtin != "":
		if !v.Do.Mux && v.Do.Stays() && !s.talks.Room.Room(v.Label, time.Now()) {
			return byBuiltins
		}
	case len(s.delayed) > 0 || s.crowdedOut():
		return byProcesses
	}
	return unbound
}

// suspend stops polling a service until its window has passed.
func (s *Server) suspend(v *table.Service, now time.Time) {
	u := v.Usage()
	resume := u.Starts.End(v.Do.Limits.Window)
	u.Halted = true
	u.Suspended++
	s.armAll(v)
	clients := "wait"
	if v.Do.Mux {
		clients = "are turned away"
	}
	s.log.Tell(syslog.Err, v, fmt.Sprintf("%s: server failing (looping), service suspended: %d starts in %g s, the limit; clients %s until %s",
		v.Label, u.Starts.Count, resume.Sub(u.Starts.Start).Seconds(), clients, resume.Format(time.TimeOnly)), "", diagnose.WhySuspended(v))
	s.resumeAfter(u, resume.Sub(now))
}

// resumeAfter polls a service again that was suspended.
func (s *Server) resumeAfter(u *table.Usage, d time.Duration) {
	s.timers.After(d, func() {
		u.Halted = false
		for _, w := range s.services { // a reload may have made a new one
			if w.Used == u {
				s.armAll(w)
			}
		}
	})
}

// release takes back what admit counted.
func (s *Server) release(v *table.Service, source limit.Source) {
	u := v.Usage()
	u.Release(source)
	s.rearmOwn(u)
}
