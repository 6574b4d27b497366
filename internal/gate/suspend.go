package gate

import (
	"fmt"
	"time"

	"inetd/internal/diagnose"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// MayStart reports whether the limits for all clients of a service together allow another
// start. If not, the sockets of the service are not polled for a while: new clients wait
// in the backlog, and nobody is turned away.
func (g *Gate) MayStart(v *table.Service) bool {
	if g.loop.Bound(v) != Unbound {
		g.ArmService(v)
		return false
	}
	l := v.Do.Limits
	if l.Starts == 0 {
		return true
	}
	if now := time.Now(); v.Usage().Starts.Full(now, l.Starts, l.Window) && !v.Do.RefusesFull() {
		g.suspend(v, now)
		return false
	}
	return true
}

// suspend stops polling the sockets of a service until its window has passed.
func (g *Gate) suspend(v *table.Service, now time.Time) {
	u := v.Usage()
	resume := u.Starts.End(v.Do.Limits.Window)
	u.Halted = true
	u.Suspended++
	g.ArmService(v)
	clients := "wait"
	if v.Do.Mux {
		clients = "are turned away"
	}
	g.loop.Log.Tell(syslog.Err, v, fmt.Sprintf("%s: server failing (looping), service suspended: %d starts in %g s, the limit; clients %s until %s",
		v.Label, u.Starts.Count, resume.Sub(u.Starts.Start).Seconds(), clients, resume.Format(time.TimeOnly)), "", diagnose.WhySuspended(v))
	g.ResumeAfter(u, resume.Sub(now))
}

// ResumeAfter ends the suspension of the service with the usage u when d has passed.
func (g *Gate) ResumeAfter(u *table.Usage, d time.Duration) {
	g.loop.Timers.After(d, func() {
		u.Halted = false
		for _, w := range g.loop.Now.Services { // a reload may have replaced the service
			if w.Used == u {
				g.ArmService(w)
			}
		}
	})
}
