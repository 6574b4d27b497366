package inetd

import (
	"fmt"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/running"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// sweep reaps, and has the servers that live on looked at.
func (s *Server) sweep() {
	s.reap()
	s.running.Settle(func(p *running.Process) { s.examineLater(p.PID, p) })
}

// reap handles children that have ended, up to 64 of them. If there may be more it
// has the loop reap again in its next turn.
func (s *Server) reap() {
	s.running.Reap(perTurn, s.ended)
	s.startDelayed()
	s.lendAgain()
}

// orphanTime is how often process 1 looks for orphans of servers that have ended. It
// has no pidfd for them.
const orphanTime = time.Second

// reapOrphans reaps the processes that process 1 inherits, from now on.
func (s *Server) reapOrphans() {
	s.running.Orphans = true
	s.reap()
	s.timers.After(orphanTime, s.reapOrphans)
}

// ended handles the end of a server.
func (s *Server) ended(p *running.Process, st child.Status) {
	s.release(p.Service, p.Client.Source)
	s.idle.Remove(st.Pid)
	p.Service.Usage().CountEnd(st)
	s.linger(p)
	if p.Kill != 0 {
		unix.Kill(-st.Pid, unix.SIGKILL) // what the server has left behind
	}
	s.logEnd(p, st)
	s.fits(p, st)
	if p.Stderr != nil {
		p.Stderr.Ended()
	}
	s.judge(p, st)
	if p.Client.Session != nil {
		s.sessionEnded(p, st)
	}
	if k := p.Lent; k != nil && int(k.Server) == st.Pid {
		s.takeBack(p, st)
	}
}

// logEnd logs an end that somebody should know of.
func (s *Server) logEnd(p *running.Process, st child.Status) {
	v := p.Service
	s.logExit(p, st)
	if st.Stage == child.Run {
		s.works(v.Usage())
	}
	switch {
	case st.Stage != child.Run:
		s.startFailed(p, st)
	case p.Kill != 0: // the log has said so
	case st.Wait.Signaled() && p.Lent == nil:
		if child.Crash(st.Wait.Signal()) {
			s.tellCrash(p, st)
		}
	case st.Wait.Signaled():
		s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit signal %d", v.Label, p.Program.Path(), st.Pid, st.Wait.Signal()), st.Wait.Signal().String(), whySignal(p, st.Wait.Signal()))
	case p.Lent == nil: // see fits
	case st.Wait.ExitStatus() == 126, st.Wait.ExitStatus() == 127:
		s.tellShell(p, st)
	case st.Wait.ExitStatus() > 0:
		s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit status %d", v.Label, p.Program.Path(), st.Pid, st.Wait.ExitStatus()), "", "")
	}
}

// whySignal explains a signal that a wait server has caused itself.
func whySignal(p *running.Process, sig syscall.Signal) string {
	if sig != syscall.SIGPIPE || p.Lent == nil || !p.Lent.Spec.Listens() {
		return ""
	}
	return ": its standard output is the listening socket; a server that does not accept connections itself needs nowait"
}
