// This file handles the ends of servers, each of which concerns the table and most
// stages.

package inetd

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/running"

	"golang.org/x/sys/unix"
)

// sweep reaps, and has the doctor look at the servers that still run.
func (s *Server) sweep() {
	s.reap()
	s.running.Settle(s.doctor.Settled)
}

// reap handles children that have ended, up to perTurn of them, or up to the first in
// whose place another is started. If there may be more, the loop reaps again in its next
// turn.
func (s *Server) reap() {
	s.running.Reap(perTurn, s.ended)
	s.startDelayed()
	s.lendAgain()
}

// orphanTime is how often process 1 reaps the processes that servers have left behind. It
// has no pidfd for them.
const orphanTime = time.Second

// reapOrphans reaps the processes that process 1 inherits, from now on.
func (s *Server) reapOrphans() {
	s.running.Orphans = true
	s.reap()
	s.timers.After(orphanTime, s.reapOrphans)
}

// ended handles the end of a server. It reports whether it has started another one in its
// place, which happens once in a turn of the loop, as a service has one accept in a turn.
func (s *Server) ended(p *running.Process, st child.Status) (restarted bool) {
	s.release(p.Service, p.Client.Source)
	s.idle.Remove(st.Pid)
	p.Service.Usage().CountEnd(st)
	if p.Kept > 0 {
		s.draining.Drain(p.Kept, p.Service.Do.Keys.Linger)
	}
	if p.Kill != 0 {
		unix.Kill(-st.Pid, unix.SIGKILL) // what the server has left behind
	}
	p.LogEnd(s.log, st)
	s.doctor.Ended(p, st)
	if p.Stderr != nil {
		p.Stderr.Ended()
	}
	if p.Service.Do.Penalty != nil {
		s.door.Ended(p, st)
	}
	if p.Client.Session != nil {
		restarted = s.sessionEnded(p, st)
	}
	if k := p.Lent; k != nil && int(k.Server) == st.Pid {
		s.takeBack(p, st)
	}
	return restarted
}
