package inetd

import (
	"context"
	"fmt"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/misfit"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A server that runs and serves nobody is found out by its ends: by errors in a row,
// and, once for a service, by an end within a moment. The server after such a one is
// watched: the daemon keeps a descriptor of its connection and asks the kernel what
// was said on it. So servers that are all right cost nothing.

const (
	failCount  = 3 // errors in a row that are told, within failWindow
	failWindow = 10 * time.Second
	probeTime  = 250 * time.Millisecond // how long a client may not be told the end of its connection
	lookTime   = time.Second            // the age at which a server is asked where it listens
)

// streak is how often servers of a service have ended with an error, none other in
// between.
type streak struct {
	n     int
	begun time.Time
}

// probe is a descriptor for the connection of a server that is suspect; 0: it is not.
func (s *Server) probe(v *table.Service, conn int) int {
	if !v.Usage().Suspect || v.Do.Mode != plan.Accept {
		return 0
	}
	fd, err := unix.FcntlInt(uintptr(conn), unix.F_DUPFD_CLOEXEC, s.starter.Floor())
	if err != nil {
		return 0
	}
	s.starter.Note(fd)
	return fd
}

// watchConn gives the descriptor of a probe up if the server lives on.
func (s *Server) watchConn(p *running.Process) {
	if p.Probe == 0 {
		return
	}
	s.running.After(p, probeTime, p.Unprobe)
}

// fits draws conclusions from the end of a server.
func (s *Server) fits(p *running.Process, st child.Status) {
	u := p.Service.Usage()
	defer p.Unprobe()
	switch {
	case st.Stage != child.Run || p.Kill != 0 || p.Lent != nil:
	case st.Wait != 0:
		s.failed(p, st)
	default:
		if len(s.streaks) > 0 {
			delete(s.streaks, u)
		}
		if u.Sound || p.Service.Do.Mode != plan.Accept {
			return
		}
		brief, probed := time.Now().UnixNano()-p.Begun < int64(probeTime), p.Probe > 0
		u.Suspect, u.Sound = brief && !probed, probed || !brief
		if probed && misfit.Idle(p.Probe) && !s.examinations.full() {
			s.endedIdle(p, st.Pid)
		}
	}
}

// failed tells of servers that end with an error again and again, and of an exit status
// that has a meaning of its own.
func (s *Server) failed(p *running.Process, st child.Status) {
	code := st.Wait.ExitStatus()
	switch {
	case st.Wait.Signaled() && !child.Crash(st.Wait.Signal()):
		return
	case code == 126 || code == 127:
		s.tellShell(p, st)
		return
	}
	if p.Client.Session != nil { // that tells itself what became of the datagram
		return
	}
	u, now := p.Service.Usage(), time.Now()
	k := s.streaks[u]
	if now.Sub(k.begun) > failWindow {
		k = streak{begun: now}
	}
	k.n++
	if s.streaks == nil {
		s.streaks = map[*table.Usage]streak{}
	}
	s.streaks[u] = k
	u.Suspect = k.n == failCount-1
	if k.n < failCount || st.Wait.Signaled() { // signals are told as they come
		return
	}
	delete(s.streaks, u)
	s.tellFailing(p, st)
}

// tellFailing logs that the servers of a service fail, and then each minute how many
// more did.
func (s *Server) tellFailing(p *running.Process, st child.Status) {
	v, path, idle := p.Service, p.Program.Path(), p.Probe > 0 && misfit.Idle(p.Probe)
	if !s.log.First(v.Cause("its servers fail"), "server", fmt.Sprintf(" failed %d times in a row (%s)", failCount, s.log.Place(v))) {
		return
	}
	text := fmt.Sprintf("%s: %s[%d]: %s again and again", v.Label, path, st.Pid, child.How(st.Wait))
	advice := ""
	s.explain(func() {
		if idle {
			advice = misfit.Failing(path)
		}
	}, func() {
		switch {
		case advice != "":
			advice = "; it reads and writes nothing: " + advice
		case v.Do.Keys == nil || v.Do.Keys.Stderr == "":
			advice = "; its client reads what it says on standard error, which the key stderr = log brings here"
		}
		s.log.Tell(syslog.Warning, v, text, fmt.Sprintf("%d in a row", failCount), advice)
	})
}

// tellCrash logs that a server has crashed, and then each minute how many more did.
func (s *Server) tellCrash(p *running.Process, st child.Status) {
	v, sig := p.Service, st.Wait.Signal()
	if !s.log.First(v.Cause(child.How(st.Wait)), "server", fmt.Sprintf(" ended with exit signal %d (%s, %s)", sig, sig, s.log.Place(v))) {
		return
	}
	s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit signal %d", v.Label, p.Program.Path(), st.Pid, sig), sig.String(), "")
}

// tellShell explains the exit statuses of shells and of the dynamic loader.
func (s *Server) tellShell(p *running.Process, st child.Status) {
	v, path, code, who := p.Service, p.Program.Path(), st.Wait.ExitStatus(), p.Program.Credential()
	how := child.How(st.Wait)
	if !s.log.First(v.Cause(how), "server", " ended with "+how+" ("+s.log.Place(v)+")") {
		return
	}
	why := ""
	s.explain(func() { why = misfit.Shell(path, code, seenBy(v.Do.Keys, who)) }, func() {
		if why != "" {
			why = ": " + why
		}
		s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit status %d", v.Label, path, st.Pid, code), "", why)
	})
}

// endedIdle tells of a server that has ended without an error, having taken nothing
// from its client, unless a process that it has left serves that.
func (s *Server) endedIdle(p *running.Process, pid int) {
	v, path, begun, conn := p.Service, p.Program.Path(), time.Unix(0, p.Begun), p.Probe
	p.Probe = 0
	deserted, left := false, 0
	s.explain(func() {
		if deserted = misfit.Deserted(conn, os.Getpid()); deserted {
			left = misfit.Background(path, begun)
		}
		unix.Close(conn)
	}, func() {
		text := fmt.Sprintf("%s: %s[%d] has ended at once and read and written nothing", v.Label, path, pid)
		switch {
		case !deserted:
		case left > 0:
			s.log.Tell(syslog.Warning, v, text, "", fmt.Sprintf(": it went into the background as process %d and left its client; it needs an option to stay in the foreground, or one for inetd", left))
		default:
			s.log.Tell(syslog.Warning, v, text, "its client still waits", "; a server of inetd serves its standard input")
		}
	})
}

// explain looks into something beside the loop, unless too much is looked into already.
func (s *Server) explain(look, tell func()) {
	if s.examinations.full() {
		tell()
		return
	}
	s.beside(&s.examinations, examineTime, func(context.Context) { look() }, tell)
}

// examineLater asks a server that lives for longer than most whether it listens itself,
// once for a service.
func (s *Server) examineLater(pid int, p *running.Process) {
	if p.Service == nil || p.Service.Used == nil || p.Service.Used.Examined || p.Service.Do.Mode != plan.Accept {
		return
	}
	u := p.Service.Used
	u.Examined = true
	s.running.AfterOr(p, lookTime, func() {
		v, path, port := p.Service, p.Program.Path(), ""
		s.explain(func() { port = misfit.Listens(pid) }, func() {
			if port != "" {
				s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d] was started for a client and listens itself", v.Label, path, pid), "port "+port,
					"; a server of inetd serves its standard input, so it needs an option for that, or an entry with key connect")
			}
		})
	}, func() { u.Examined = false })
}
