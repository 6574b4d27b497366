package inetd

import (
	"fmt"
	"time"

	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/syslog"
)

// mayStart asks the limits that hold for all clients of a service together.
// When one is reached the service's sockets are not polled for a while: new
// clients wait in the listen queue and nobody is turned away.
func (s *Server) mayStart(v *service) bool {
	if s.bound(v) != unbound {
		s.armAll(v)
		return false
	}
	now := time.Now()
	if u := v.usage(); u.Starts.Full(now, v.do.Limits.Starts, v.do.Limits.Window) && !v.do.refusesFull() {
		s.suspend(v, now)
		return false
	}
	return true
}

// bound is the limit on what runs at once that keeps a service from a further
// client, if there is one. Clients of tcpmux ask for room when they enter.
func (s *Server) bound(v *service) bound {
	switch {
	case s.inquiries.full() && (s.inquires(v.do) || v.do.asksNames):
		return byInquiries
	case v.used != nil && v.used.full(v.do.Limits) && !v.do.refusesFull():
		return byService
	case v.do.proxies != nil && !s.headers.Room(v.label, time.Now()):
		return byHeaders
	case v.do.Builtin != "":
		if !v.do.Mux && v.do.stays() && !s.builtins.Room(v.label, time.Now()) {
			return byBuiltins
		}
	case len(s.delayed) > 0 || s.crowdedOut():
		return byProcesses
	}
	return unbound
}

// suspend stops polling a service until its window has passed.
func (s *Server) suspend(v *service, now time.Time) {
	u := v.usage()
	resume := u.Starts.End(v.do.Limits.Window)
	u.suspended = true
	u.Suspended++
	s.armAll(v)
	clients := "wait"
	if v.do.Mux {
		clients = "are turned away"
	}
	s.tell(syslog.Err, v, fmt.Sprintf("%s: server failing (looping), service suspended: %d starts in %g s, the limit; clients %s until %s",
		v.label, u.Starts.Count, resume.Sub(u.Starts.Start).Seconds(), clients, resume.Format(time.TimeOnly)), "", whySuspended(v))
	s.resumeAfter(u, resume.Sub(now))
}

// whySuspended is advice on a service whose clients still wait when so many servers have
// been started for its socket.
func whySuspended(v *service) string {
	for k := v.first; k != nil; k = k.next {
		if v.do.Mode == plan.Lend && k.spec.Listens() && k.fd >= 0 && k.queued() > 0 {
			return needsNowait
		}
	}
	return ""
}

// resumeAfter polls a service again that was suspended.
func (s *Server) resumeAfter(u *usage, d time.Duration) {
	s.timers.After(d, func() {
		u.suspended = false
		for _, w := range s.services { // a reload may have made a new one
			if w.used == u {
				s.armAll(w)
			}
		}
	})
}

// admit asks whether a client is welcome, applies the limits of its source, which
// come first so that one client cannot use up a service, and counts the start.
func (s *Server) admit(v *service, c *client) bool {
	u, now := v.usage(), time.Now()
	u.LastClient = now.Unix()
	if s.shuts(v, c, now) || s.senses(v, c, now) || s.touched(v, c, now) || s.punished(v, c) || !s.welcomes(v, c) || s.tooFull(v, c, now) {
		return false
	}
	r := u.Admit(now, c.source, v.do.Limits)
	if r.Why == "" {
		return true
	}
	u.Refused.Limit++
	key := "source_max"
	if r.Rate {
		key = "ip_max"
	}
	s.tellRefused(v, c.who(v), "exceeded "+r.String(), r.Limit, key)
	return false
}

// release takes back what admit counted.
func (s *Server) release(v *service, source limit.Source) {
	u := v.usage()
	u.Release(source)
	s.rearmOwn(u)
}
