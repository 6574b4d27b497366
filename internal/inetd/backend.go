package inetd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/compile"
	"inetd/internal/misfit"
	"inetd/internal/relay"
	"inetd/internal/strerror"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// The server of an entry with the keys exec and connect knows nothing of inetd: it
// listens itself, at the place that connect says. Its first client starts it, and the
// relay holds clients until the place answers:
//
//	stopped -> asked -> starting -> ready -> stopping -> stopped
//	                                  ^  |
//	                                silent -> stopping
//
// In state asked the relay tries whether somebody answers there already, such as a
// server that an earlier daemon has left.

// stage is how far the server of an entry has come.
type stage uint8

const (
	stopped stage = iota
	asked         // the relay tries the place
	starting
	ready
	silent // it runs, and the place answers no longer
	stopping
)

func (g stage) String() string {
	return [...]string{"stopped", "looked for", "starting", "ready", "silent", "stopping"}[g]
}

// backend is a server that is started on demand.
type backend struct {
	stage   stage
	since   time.Time     // of the stage
	pid     int           // 0: no process of the daemon's
	path    string        // of the program
	took    time.Duration // until it was ready, last time
	starts  int
	errno   syscall.Errno // why the place did not answer, when it was last tried
	failed  int           // starts in a row
	resting bool          // it may not be started again yet
	idling  bool          // restBackend has a timer
}

// defaultStartTime is how long clients are held for a server that starts.
const defaultStartTime = 30 * time.Second

// enter begins a stage.
func (b *backend) enter(g stage) { b.stage, b.since = g, time.Now() }

// in is a function that does something only if the server is still in the stage that
// it is in now, and has been since now.
func (b *backend) in(f func()) func() {
	was := *b
	return func() {
		if b.stage == was.stage && b.since.Equal(was.since) {
			f()
		}
	}
}

// startTime is how long its clients wait for a server.
func (p *passing) startTime() time.Duration {
	return cmp.Or(p.svc.do.keys.StartTime, defaultStartTime)
}

// needed handles a client that needs the server.
func (s *Server) needed(p *passing) {
	if b := p.back; b.stage == stopped && !b.resting {
		b.enter(asked)
		s.command(p, relay.Probe)
		s.timers.After(p.startTime(), b.in(func() { s.startBackend(p) }))
	}
}

// placeAnswers handles that the server answers at its place, whose process is named
// if the daemon has not started it.
func (s *Server) placeAnswers(p *passing, r relay.Report, who string) {
	b := p.back
	switch b.stage {
	case asked:
		s.log.Noticef("%s: %s answers at %s already, and serves the clients (%s)", p.svc.label, who, placeOf(p.svc.do.keys.Connect), s.now.place(p.svc))
	case starting:
		b.took, b.failed = time.Since(b.since), 0
		s.log.Noticef("%s: %s[%d] is ready after %s", p.svc.label, b.path, b.pid, rounded(b.took))
	case silent, ready: // of a new relay, or again
	default:
		return
	}
	if b.stage != ready {
		b.enter(ready)
	}
	s.works(p.svc.usage())
	s.command(p, relay.Open)
	s.ordered(p, p.orders.Trust(p.fd, r))
}

// placeSilent handles that the place does not answer.
func (s *Server) placeSilent(p *passing, e syscall.Errno) {
	p.back.errno = e
	switch b := p.back; {
	case b.stage == asked:
		s.startBackend(p)
	case b.stage == ready && b.pid == 0: // whoever answered is gone
		s.command(p, relay.Hold)
		b.enter(stopped)
		s.needed(p)
	case b.stage == ready: // it may be about to end; a client waits for it meanwhile
		b.enter(silent)
		s.timers.After(p.startTime(), b.in(func() {
			text := fmt.Sprintf("%s[%d] runs, and nobody answers at %s any more, for %s: %s", b.path, b.pid, placeOf(p.svc.do.keys.Connect), rounded(p.startTime()), strerror.Errno(b.errno))
			s.stopBackend(p)
			s.backendFails(p, text, "")
		}))
	}
}

// startBackend starts the server, which has neither the connection nor any other.
func (s *Server) startBackend(p *passing) {
	v, b := p.svc, p.back
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		now := process{svc: v, program: v.do.program, begun: time.Now().UnixNano()}
		b.path = now.program.Path()
		b.pid, err = s.startHelper(now, s.starter.Keep(null), nil, func(st child.Status, said string) { s.backendEnded(p, st, said) })
		if err != nil {
			unix.Close(null)
		}
	}
	if err != nil {
		b.pid = 0
		s.backendFails(p, strerror.Call(err), "")
		return
	}
	b.starts++
	b.enter(starting)
	s.command(p, relay.Open)
	s.limitTime(b.pid, s.processes[b.pid])
	s.timers.After(p.startTime(), b.in(func() { s.neverReady(p) }))
}

// neverReady handles a server whose place does not answer in time. Where it listens
// instead is found out beside the loop, while it still runs.
func (s *Server) neverReady(p *passing) {
	b := p.back
	text := fmt.Sprintf("nobody answers at %s within %s of its start: %s", placeOf(p.svc.do.keys.Connect), rounded(p.startTime()), strerror.Errno(b.errno))
	pid, port := b.pid, ""
	fail := b.in(func() {
		advice := ""
		if port != "" {
			advice = fmt.Sprintf("; %s[%d] listens on port %s", b.path, pid, port)
		}
		s.stopBackend(p)
		s.backendFails(p, text, advice)
	})
	if s.examinations.full() {
		fail()
		return
	}
	s.beside(&s.examinations, examineTime, func(context.Context) { port = misfit.Listens(pid) }, fail)
}

// maxStartDelay is how long at most a server is left alone that fails again and again.
const maxStartDelay = 10 * time.Second

// backendFails logs why a server does not serve, and refuses the clients that wait for
// it.
func (s *Server) backendFails(p *passing, text, advice string) {
	v := p.svc
	s.tell(syslog.Err, v, fmt.Sprintf("%s: %s", v.label, text), "", advice)
	s.refuseHeld(p, text)
}

// refuseHeld refuses the clients that wait for a server. The next one starts it again,
// after a while that gets longer.
func (s *Server) refuseHeld(p *passing, why string) {
	b := p.back
	p.svc.usage().Fail("start", why, why, time.Now())
	s.command(p, relay.Refuse)
	s.command(p, relay.Hold)
	if b.pid == 0 {
		b.enter(stopped)
	}
	b.failed++
	b.resting = true
	s.timers.After(min(minRestart<<min(b.failed-1, 10), maxStartDelay), func() {
		b.resting = false
		s.neededAgain(p)
	})
}

// neededAgain starts the server for clients that have come while it could not be.
func (s *Server) neededAgain(p *passing) {
	if len(p.clients) > 0 {
		s.needed(p)
	}
}

// resetTime is how long the connections to a server that has ended may take to end.
const resetTime = 50 * time.Millisecond

// backendEnded handles the end of the server's process.
func (s *Server) backendEnded(p *passing, st child.Status, said string) {
	v, b := p.svc, p.back
	age, pid := time.Since(b.since), b.pid
	b.pid = 0
	unix.Kill(-st.Pid, unix.SIGKILL) // what it has left behind in its session
	switch {
	case st.Stage != child.Run:
		s.startFailed(&process{svc: v, program: v.do.program}, st)
		s.command(p, relay.Refuse)
		s.command(p, relay.Hold)
		b.enter(stopped)
		return
	case b.stage == starting:
		why := ": " + child.How(st.Wait) + quoted(said)
		if st.Wait == 0 {
			why += "; a server that goes into the background has to stay in the foreground"
		}
		s.backendFails(p, fmt.Sprintf("%s[%d] has ended after %s, before anybody answered at %s", b.path, pid, rounded(age), placeOf(v.do.keys.Connect)), why)
	case (b.stage == ready || b.stage == silent) && st.Wait != 0:
		s.tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d] has ended after %s", v.label, b.path, pid, rounded(age)), child.How(st.Wait), quoted(said))
		fallthrough
	default:
		s.command(p, relay.Hold)
		b.enter(stopped)
	}
	if p.retired {
		s.part(p)
		return
	}
	s.timers.After(resetTime, func() { s.neededAgain(p) })
	s.lull(p)
}

// stopBackend has the server end, and holds who comes meanwhile.
func (s *Server) stopBackend(p *passing) {
	b := p.back
	s.command(p, relay.Hold)
	if b.pid == 0 {
		b.enter(stopped)
		return
	}
	b.enter(stopping)
	pid := b.pid
	unix.Kill(-pid, unix.SIGTERM)
	end := compile.EndTime(p.svc.do.keys)
	s.timers.After(end, b.in(func() {
		s.log.Warningf("%s: %s[%d] has not ended within %v and is killed (%s)", p.svc.label, b.path, pid, end, s.now.place(p.svc))
		unix.Kill(-pid, unix.SIGKILL)
	}))
}

// restBackend ends a server that has had no client for its idle_time.
func (s *Server) restBackend(p *passing) {
	limit, b := p.svc.do.keys.IdleTime, p.back
	if limit == 0 || b.idling || b.stage != ready || b.pid == 0 {
		return
	}
	b.idling = true
	over := b.in(func() {
		switch {
		case len(p.clients) > 0:
		case time.Since(p.idle) < limit:
			s.restBackend(p)
		default:
			s.log.Noticef("%s: %s[%d] has had no client for %v, its idle_time, and is ended (%s)", p.svc.label, b.path, b.pid, limit, s.placeOf(p.svc, "idle_time"))
			s.stopBackend(p)
		}
	})
	s.timers.After(time.Until(p.idle.Add(limit)), func() {
		b.idling = false
		over()
	})
}

// part ends all that is left of a service that was removed or changed.
func (s *Server) part(p *passing) {
	if b := p.back; b != nil && b.pid != 0 {
		if b.stage != stopping {
			s.stopBackend(p)
		}
		return // backendEnded goes on
	}
	if p.fd >= 0 {
		s.dismiss(p)
	}
}

// rounded is a time as people want it.
func rounded(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
