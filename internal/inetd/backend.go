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
	"inetd/internal/demand"
	"inetd/internal/occupant"
	"inetd/internal/readiness"
	"inetd/internal/relay"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The server of an entry with the keys exec and connect knows nothing of inetd: it
// listens itself, at the place that connect says. Package demand decides when it is
// started and ended, and what becomes of its clients; here that is done.

// backend is a server that is started on demand.
type backend struct {
	demand.Machine
	session   int    // the process that was started last, also when it has ended
	path      string // of the program
	timer     time.Time
	ready     *readiness.Socket // where it says that it is ready; nil: nowhere
	status    string            // what it has said there last
	errno     syscall.Errno     // why the place did not answer, when it was last tried
	answer    relay.Report      // that it did
	who       string            // answers there, if that is known
	elsewhere string            // it listens, instead
	age       time.Duration     // of the process that has ended last
	how, said string            // it has ended
	crashed   bool              // with an error
}

// defaultStartTime is how long clients are held for a server that starts.
const defaultStartTime = 30 * time.Second

func newBackend(do *table.Action) *backend {
	k := do.Keys
	return &backend{Machine: demand.Machine{
		Limits: demand.Limits{Start: cmp.Or(k.StartTime, defaultStartTime), Idle: k.IdleTime, End: compile.EndTime(k), Notifies: k.ReadyNotify},
		Since:  time.Now(),
	}}
}

// needed handles a client that needs the server.
func (s *Server) needed(p *passing) { s.act(p, p.back.Come(time.Now())) }

// left handles the end of one.
func (s *Server) left(p *passing, c passenger) {
	if c.counts {
		p.back.Leave(time.Now())
		s.act(p, nil)
	}
}

// act does what is to be done about a server, and sees to it that its time is kept.
func (s *Server) act(p *passing, acts []demand.Act) {
	for _, a := range acts {
		s.actOn(p, a)
	}
	b := p.back
	if b.ready != nil && (b.Stage != demand.Starting || b.Said) {
		s.closeReady(b)
	}
	due := b.Deadline()
	if due.IsZero() || !b.timer.IsZero() && !due.Before(b.timer) {
		return // there is a timer before, which looks again
	}
	b.timer = due
	s.timers.After(time.Until(due), func() {
		if b.timer.Equal(due) {
			b.timer = time.Time{}
			s.act(p, b.Tick(time.Now()))
		}
	})
}

func (s *Server) actOn(p *passing, a demand.Act) {
	b := p.back
	switch a {
	case demand.Probe:
		s.command(p, relay.Probe)
	case demand.Open:
		s.command(p, relay.Open)
	case demand.Trust:
		s.works(p.svc.Usage())
		if p.fd >= 0 {
			s.ordered(p, p.orders.Trust(p.fd, b.answer))
		}
	case demand.Hold:
		s.command(p, relay.Hold)
	case demand.Refuse:
		s.command(p, relay.Refuse)
	case demand.Start:
		s.startBackend(p)
	case demand.Term:
		unix.Kill(-b.session, unix.SIGTERM)
	case demand.Kill:
		unix.Kill(-b.session, unix.SIGKILL)
	case demand.Examine:
		s.examineLate(p)
	default:
		s.say(p, a)
	}
}

// startBackend starts the server, which has neither the connection nor any other.
func (s *Server) startBackend(p *passing) {
	b := p.back
	pid, err := s.startServer(p)
	if err != nil {
		s.closeReady(b)
		s.useless(p, strerror.Call(err), "")
		s.act(p, b.NotStarted(time.Now()))
		return
	}
	b.session = pid
	s.act(p, b.Started(time.Now(), pid))
	s.limitTime(pid, s.processes[pid])
}

func (s *Server) startServer(p *passing) (pid int, err error) {
	v, b := p.svc, p.back
	env, err := s.openReady(p)
	if err != nil {
		return 0, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	now := process{svc: v, program: v.Do.Program, begun: time.Now().UnixNano()}
	b.path = now.program.Path()
	pid, err = s.startHelper(now, s.starter.Keep(null), env, func(st child.Status, said string) { s.backendEnded(p, st, said) })
	if err != nil {
		unix.Close(null)
	}
	return pid, err
}

// examineLate finds out beside the loop where a server listens that is late.
func (s *Server) examineLate(p *passing) {
	b, at, place := p.back, "", placeOf(p.svc.Do.Keys.Connect)
	session := b.session
	s.beside(&s.examinations, examineTime, func(context.Context) { at = occupant.Elsewhere(session, place) }, func() {
		b.elsewhere = at
		s.act(p, b.Examined(time.Now(), at != ""))
	})
}

// say logs what has become of a server.
func (s *Server) say(p *passing, a demand.Act) {
	v, b := p.svc, p.back
	at := placeOf(v.Do.Keys.Connect)
	is := fmt.Sprintf("%s[%d]", b.path, b.session)
	switch a {
	case demand.SayAlready:
		s.log.Noticef("%s: %s answers at %s already, and serves the clients (%s)", v.Label, b.who, at, s.now.Place(v))
	case demand.SayReady:
		s.log.Noticef("%s: %s is ready after %s", v.Label, is, rounded(b.Took))
	case demand.SayForked:
		s.tell(syslog.Warning, v, fmt.Sprintf("%s: %s has gone into the background, and %s answers at %s; it serves the clients and is never ended", v.Label, is, b.who, at), "", "; have it stay in the foreground")
	case demand.SayTaken:
		s.tellTaken(p)
	case demand.SayNever:
		s.tellNever(p, is, at)
	case demand.SayLate:
		s.log.Warningf("%s: %s is ready after %s, and clients are held for %s (%s); raise start_time", v.Label, is, rounded(b.Took), rounded(b.Start), s.placeOf(v, "start_time"))
	case demand.SayHopeless:
		s.useless(p, fmt.Sprintf("%s is not ready after %s either, and is ended", is, rounded(b.Took)), "")
	case demand.SayGone:
		s.useless(p, fmt.Sprintf("%s runs, and nobody answers at %s any more, for %s: %s", is, at, rounded(b.Start), strerror.Errno(b.errno)), "")
	case demand.SayEnded:
		s.tell(syslog.Warning, v, fmt.Sprintf("%s: %s has ended after %s", v.Label, is, rounded(b.age)), b.how, quoted(b.said))
	case demand.SayTooEarly:
		why := ": " + b.how + quoted(b.said)
		if !b.crashed {
			why += "; a server that goes into the background has to stay in the foreground"
		}
		s.useless(p, fmt.Sprintf("%s has ended after %s, before anybody answered at %s", is, rounded(b.age), at), why)
	case demand.SayIdle:
		s.log.Noticef("%s: %s has had no client for %v, its idle_time, and is ended (%s)", v.Label, is, b.Limits.Idle, s.placeOf(v, "idle_time"))
	case demand.SayKilled:
		s.log.Warningf("%s: %s has not ended within %v and is killed (%s)", v.Label, is, b.End, s.now.Place(v))
	}
}

// tellNever logs why a server was not ready in its time.
func (s *Server) tellNever(p *passing, is, at string) {
	b, advice := p.back, ""
	if b.elsewhere != "" {
		advice = fmt.Sprintf("; %s listens on %s", is, b.elsewhere)
	}
	if !b.Notifies || b.Said {
		s.useless(p, fmt.Sprintf("nobody answers at %s within %s of its start: %s", at, rounded(b.Start), strerror.Errno(b.errno)), advice)
		return
	}
	if b.status != "" {
		advice = fmt.Sprintf("; its last status: %q", b.status) + advice
	}
	s.useless(p, fmt.Sprintf("%s has not said READY=1 within %s of its start, which ready = notify waits for", is, rounded(b.Start)), advice)
}

// useless logs why a server does not serve.
func (s *Server) useless(p *passing, text, advice string) {
	s.tell(syslog.Err, p.svc, p.svc.Label+": "+text, "", advice)
	p.svc.Usage().Fail("start", text, text, time.Now())
}

// backendEnded handles the end of the server's process.
func (s *Server) backendEnded(p *passing, st child.Status, said string) {
	b, now := p.back, time.Now()
	if st.Stage != child.Run {
		s.startFailed(&process{svc: p.svc, program: p.svc.Do.Program}, st)
		s.act(p, b.NeverRan(now))
	} else {
		b.age, b.how, b.said, b.crashed = now.Sub(b.Since), child.How(st.Wait), said, st.Wait != 0
		s.act(p, b.Ended(now, st.Wait == 0))
	}
	if p.retired {
		s.part(p)
		return
	}
	s.lull(p)
}

// part ends all that is left of a service that was removed or changed.
func (s *Server) part(p *passing) {
	if b := p.back; b != nil && b.PID != 0 {
		s.act(p, b.Stop(time.Now()))
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
