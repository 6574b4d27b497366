package inetd

import (
	"fmt"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/stderrlog"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// process is a running server.
type process struct {
	svc     *table.Service     // as it was at the start
	program *child.Program     // that was started
	lent    *table.Socket      // the socket that a wait server has
	queued  int64              // socket.queued when it was lent
	client  client             // of a nowait server
	kept    int                // the daemon's descriptor of its connection; 0: none
	probe   int                // likewise, of a server that is suspect
	errors  *stderrlog.Source  // what it writes on its standard error; nil: that is not logged
	begun   int64              // Unix time in ns
	kill    int64              // when it is killed, having been told to end with all of its session, as Unix time in ns; 0: it was not
	cookie  uint64             // of its connection, if it may not be idle for ever
	pidfd   int                // 0: none
	done    func(child.Status) // called with the end of what serves no client itself; a command of the daemon has no svc and program
}

// track remembers a process. With prompt its end is noticed at once, by a
// pidfd; otherwise at the next turn of the loop or sweep, which costs nothing.
func (s *Server) track(pid int, now *process, prompt bool) *process {
	p := s.record()
	*p = *now
	s.processes[pid] = p
	if prompt {
		p.pidfd = s.pidfd(pid)
	}
	if p.pidfd > 0 {
		return p
	}
	s.started++
	s.young = append(s.young, pid)
	if !s.sweeping {
		s.sweeping = true
		s.timers.After(sweepTime, s.sweep)
	}
	return p
}

// maxSpare is how many records are kept for processes to come. The table holds
// pointers to them because a table of Go's doubles as it grows.
const maxSpare = 64

// record returns room for what is to be known of a process.
func (s *Server) record() *process {
	n := len(s.spare)
	if n == 0 {
		return &process{}
	}
	p := s.spare[n-1]
	s.spare = s.spare[:n-1]
	return p
}

// forget takes back the record of a process that is gone.
func (s *Server) forget(p *process) {
	*p = process{}
	if len(s.spare) < maxSpare {
		s.spare = append(s.spare, p)
	}
}

// sweepTime is the age at which a server gets a pidfd. Most have ended by then
// and were reaped in passing.
const sweepTime = 100 * time.Millisecond

// sweep reaps, and gives a pidfd to the servers that live on, so that the loop
// may sleep until something really happens.
func (s *Server) sweep() {
	s.sweeping = false
	s.reap()
	for _, pid := range s.young {
		if p := s.processes[pid]; p != nil && p.pidfd == 0 {
			p.pidfd = s.pidfd(pid)
			s.examineLater(pid, p)
		}
	}
	s.young = s.young[:0]
}

// pidfd opens a descriptor for a process and polls it. The process cannot have
// been reaped, so the id is its own.
func (s *Server) pidfd(pid int) int {
	if pid < 0 {
		return 0
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0
	}
	fd = s.starter.Keep(fd)
	if s.poll.Add(fd, tagProcess, pid) != nil {
		unix.Close(fd)
		return 0
	}
	return fd
}

// reapBatch is how many servers are started before those that have ended
// meanwhile are reaped in passing. A batch costs little more than one.
const reapBatch = 32

// reap handles children that have ended, up to 64 of them. If there may be more it
// has the loop reap again in its next turn.
func (s *Server) reap() {
	s.started = reapBatch
	for range perTurn {
		st, ok := s.starter.Reap()
		if !ok {
			s.started = 0
			break
		}
		p, ok := s.processes[st.Pid]
		if !ok {
			continue // process 1 has inherited it
		}
		delete(s.processes, st.Pid)
		if p.pidfd > 0 {
			s.poll.Remove(p.pidfd) // closing is not enough: a child may have a copy until its exec
			unix.Close(p.pidfd)
		}
		if p.done != nil {
			p.done(st)
		} else {
			s.ended(p, st)
		}
		s.forget(p)
		if len(s.processes) == 0 && !s.orphans && !s.starter.Starting() {
			s.started = 0 // wait4 would only say so
			break
		}
	}
	s.startDelayed()
	s.lendAgain()
}

// orphanTime is how often process 1 looks for orphans of servers that have ended. It
// has no pidfd for them.
const orphanTime = time.Second

// reapOrphans reaps the processes that process 1 inherits, from now on.
func (s *Server) reapOrphans() {
	s.orphans = true
	s.reap()
	s.timers.After(orphanTime, s.reapOrphans)
}

// ended handles the end of a server.
func (s *Server) ended(p *process, st child.Status) {
	s.release(p.svc, p.client.source)
	s.idle.Remove(st.Pid)
	p.svc.Usage().CountEnd(st)
	s.linger(p)
	if p.kill != 0 {
		unix.Kill(-st.Pid, unix.SIGKILL) // what the server has left behind
	}
	s.logEnd(p, st)
	s.fits(p, st)
	if p.errors != nil {
		p.errors.Ended()
	}
	s.judge(p, st)
	if p.client.session != nil {
		s.sessionEnded(p, st)
	}
	if k := p.lent; k != nil && int(k.Server) == st.Pid {
		s.takeBack(p, st)
	}
}

// logEnd logs an end that somebody should know of.
func (s *Server) logEnd(p *process, st child.Status) {
	v := p.svc
	s.logExit(p, st)
	if st.Stage == child.Run {
		s.works(v.Usage())
	}
	switch {
	case st.Stage != child.Run:
		s.startFailed(p, st)
	case p.kill != 0: // the log has said so
	case st.Wait.Signaled() && p.lent == nil:
		if child.Crash(st.Wait.Signal()) {
			s.tellCrash(p, st)
		}
	case st.Wait.Signaled():
		s.tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit signal %d", v.Label, p.program.Path(), st.Pid, st.Wait.Signal()), st.Wait.Signal().String(), p.whySignal(st.Wait.Signal()))
	case p.lent == nil: // see fits
	case st.Wait.ExitStatus() == 126, st.Wait.ExitStatus() == 127:
		s.tellShell(p, st)
	case st.Wait.ExitStatus() > 0:
		s.tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit status %d", v.Label, p.program.Path(), st.Pid, st.Wait.ExitStatus()), "", "")
	}
}

// whySignal explains a signal that a wait server has caused itself.
func (p *process) whySignal(sig syscall.Signal) string {
	if sig != syscall.SIGPIPE || p.lent == nil || !p.lent.Spec.Listens() {
		return ""
	}
	return ": its standard output is the listening socket; a server that does not accept connections itself needs nowait"
}
