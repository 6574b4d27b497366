package passing

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/compile"
	"inetd/internal/demand"
	"inetd/internal/diagnose"
	"inetd/internal/occupant"
	"inetd/internal/readiness"
	"inetd/internal/relay"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// backend is a server that is started on demand.
type backend struct {
	demand.Machine
	session   int    // the session, and process group, of the process started last, even after it ended; < 0: that start failed
	path      string // of the server's program
	user      uint32 // that the server runs as
	timer     time.Time
	ready     *readiness.Socket // where the server says that it is ready; nil: nowhere
	status    string            // the last status the server sent there
	errno     syscall.Errno     // of the last attempt to reach the place; 0: none has failed yet
	answer    relay.Report      // the last report that the place answers
	asking    bool              // who sent that answer is being looked up
	again     bool              // another answer came during the lookup
	who       string            // who answers at the place, for the log
	elsewhere string            // where the server listens instead; "": not known
	age       time.Duration     // from the start of the server's process to its end
	how, said string            // how the last process ended, and its last line on standard error
	cramped   string            // the bound that it may have crashed at, for the log
	crashed   bool              // it ended with an error
	counted   bool              // this start is counted as failed; the next Probe clears it
}

// defaultStartTime is how long clients are held for a server that starts.
const defaultStartTime = 30 * time.Second

func newBackend(do *table.Action) *backend {
	return &backend{user: userID(do), Machine: demand.Machine{Limits: limitsOf(do), Since: time.Now()}}
}

func limitsOf(do *table.Action) demand.Limits {
	k := do.Keys
	return demand.Limits{Start: cmp.Or(k.StartTime, defaultStartTime), Idle: k.IdleTime, End: compile.EndTime(k), Notifies: k.ReadyNotify}
}

// needed handles a client that needs the server.
func (rs *Relays) needed(p *passing) { rs.act(p, p.back.Come(time.Now())) }

// left handles the end of a client's connection.
func (rs *Relays) left(p *passing, c passenger) {
	if c.counts {
		p.back.Leave(time.Now())
		rs.act(p, nil)
	}
}

// act carries out acts, and sets a timer for the server's next deadline.
func (rs *Relays) act(p *passing, acts []demand.Act) {
	for _, a := range acts {
		rs.actOn(p, a)
	}
	b := p.back
	if b.ready != nil && (b.Stage != demand.Starting || b.Said) {
		rs.closeReady(b)
	}
	due := b.Deadline()
	if due.IsZero() || !b.timer.IsZero() && !due.Before(b.timer) {
		return // there is no deadline, or an earlier timer calls act again
	}
	b.timer = due
	rs.loop.Timers.After(time.Until(due), func() {
		if b.timer.Equal(due) {
			b.timer = time.Time{}
			rs.act(p, b.Tick(time.Now()))
		}
	})
}

func (rs *Relays) actOn(p *passing, a demand.Act) {
	b := p.back
	switch a {
	case demand.Probe:
		b.counted = false
		rs.command(p, relay.Probe)
	case demand.Open:
		rs.command(p, relay.Open)
	case demand.Trust:
		rs.loop.Doctor.Works(p.svc.Usage())
		if p.fd >= 0 {
			p.trusts = true
			rs.ordered(p, p.orders.Trust(p.fd, b.answer))
		}
	case demand.Hold:
		rs.command(p, relay.Hold)
	case demand.Refuse:
		rs.command(p, relay.Refuse)
	case demand.Gone:
		rs.command(p, relay.Gone)
	case demand.Start:
		rs.startBackend(p)
	case demand.Term:
		b.signal(unix.SIGTERM)
	case demand.Kill:
		b.signal(unix.SIGKILL)
	case demand.Examine:
		rs.examineLate(p)
	default:
		rs.say(p, a)
	}
}

// signal sends a signal to whatever is left of the server's process group, even if the
// process that leads it has ended. There is no group after a failed start.
func (b *backend) signal(sig syscall.Signal) {
	if b.session > 0 {
		unix.Kill(-b.session, sig)
	}
}

// startBackend starts the server. It gets no client's connection.
func (rs *Relays) startBackend(p *passing) {
	b := p.back
	pid, err := rs.startServer(p)
	if err != nil {
		rs.closeReady(b)
		cause := strerror.Call(err)
		rs.useless(p, cause, cause, "")
		rs.act(p, b.NotStarted(time.Now()))
		return
	}
	b.session = pid
	p.svc.Usage().Started++
	rs.act(p, b.Started(time.Now(), pid))
	rs.loop.Running.LimitTime(rs.loop.Running.Find(pid))
}

// startServer starts the server as its entry says now. The server's descriptors 0 and 1
// are /dev/null.
func (rs *Relays) startServer(p *passing) (pid int, err error) {
	if !rs.renew(p) && p.inherited {
		return 0, errOutdated
	}
	v, b := p.svc, p.back
	env, err := rs.openReady(p)
	if err != nil {
		return 0, err
	}
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	b.path = v.Do.Program.Path()
	pid, err = rs.start(v, v.Do.Program, rs.loop.Starter.Keep(null), env, func(st child.Status, said string) { rs.backendEnded(p, st, said) })
	if err != nil {
		unix.Close(null)
	}
	return pid, err
}

// errOutdated is the error of an entry that was changed just as an upgrade replaced the
// daemon's program. The new program knows only the new entry.
var errOutdated = errors.New("its entry has changed meanwhile")

// examineLate finds out, beside the loop, where a late server listens.
func (rs *Relays) examineLate(p *passing) {
	b, session, place := p.back, p.back.session, p.svc.Do.Connect.Where()
	found := func(at string) func() {
		return func() {
			b.elsewhere = at
			hopeless := at != "" && (!b.Notifies || b.Said) // otherwise the server may still say that it is ready
			rs.act(p, b.Examined(time.Now(), hopeless))
		}
	}
	rs.loop.Beside.Do(func() func() { return found(occupant.Elsewhere(session, place)) }, found(""))
}

// say logs how a server fares.
func (rs *Relays) say(p *passing, a demand.Act) {
	v, b := p.svc, p.back
	at := v.Do.Connect.Where()
	is := fmt.Sprintf("%s[%d]", b.path, b.session)
	switch a {
	case demand.SayAlready:
		rs.loop.Log.Noticef("%s: %s answers at %s already, and serves the clients (%s)", v.Label, b.who, at, rs.loop.Log.Place(v))
	case demand.SayReady:
		rs.loop.Log.Noticef("%s: %s is ready after %s", v.Label, is, rounded(b.Took))
	case demand.SayForked:
		rs.loop.Log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s has gone into the background, and %s answers at %s; it serves the clients and is never ended", v.Label, is, b.who, at), "", "; have it stay in the foreground")
	case demand.SayTaken:
		rs.tellTaken(p)
	case demand.SayNever:
		rs.tellNever(p, is, at)
	case demand.SayLate:
		rs.loop.Log.Warningf("%s: %s is ready after %s, and clients are held for %s (%s); raise start_time", v.Label, is, rounded(b.Took), rounded(b.Start), rs.loop.Log.PlaceOf(v, "start_time"))
	case demand.SayHopeless:
		rs.useless(p, "it was not ready in twice the time", fmt.Sprintf("%s is not ready after %s either, and is ended", is, rounded(b.Took)), "")
	case demand.SayGone:
		gone := fmt.Sprintf("nobody answers at %s any more, for %s%s", at, rounded(b.Start), b.unanswered())
		rs.useless(p, gone, is+" runs, and "+gone, "")
	case demand.SayEnded:
		rs.loop.Log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s has ended after %s", v.Label, is, rounded(b.age)), b.how, quoted(b.said)+b.cramped)
	case demand.SayTooEarly:
		rs.tellTooEarly(p, is, at)
	case demand.SayIdle:
		rs.loop.Log.Noticef("%s: %s has had no client for %v, its idle_time, and is ended (%s)", v.Label, is, b.Limits.Idle, rs.loop.Log.PlaceOf(v, "idle_time"))
	case demand.SayKilled:
		rs.loop.Log.Warningf("%s: %s has not ended within %v and is killed (%s)", v.Label, is, b.End, rs.loop.Log.Place(v))
	}
}

// tellTooEarly logs how a server ended before it was ready.
func (rs *Relays) tellTooEarly(p *passing, is, at string) {
	b, advice := p.back, ""
	switch {
	case !b.crashed:
		advice = "; a server that goes into the background has to stay in the foreground"
	case b.said == "":
		advice = silent(p.svc.Do)
	}
	how := ": " + b.how + quoted(b.said) + b.cramped
	text := fmt.Sprintf("%s has ended after %s, before anybody answered at %s", is, rounded(b.age), at)
	rs.tellUseless(p, text, how+advice)
	p.failed("it ended before it was ready: "+b.how, text+how)
}

// tellNever logs why a server was not ready within its start_time.
func (rs *Relays) tellNever(p *passing, is, at string) {
	b, advice := p.back, ""
	if b.elsewhere != "" {
		advice = fmt.Sprintf("; %s listens on %s", is, b.elsewhere)
	}
	if !b.Notifies || b.Said {
		if b.elsewhere == "" && (b.errno == 0 || b.errno == unix.ECONNREFUSED || b.errno == unix.ENOENT) {
			advice = fmt.Sprintf("; %s was not seen to listen anywhere: have it listen there, or raise start_time if it needs longer", is)
		}
		never := fmt.Sprintf("nobody answers at %s within %s of its start%s", at, rounded(b.Start), b.unanswered())
		rs.useless(p, never, never, advice)
		return
	}
	if b.status != "" {
		advice = fmt.Sprintf("; its last status: %q", b.status) + advice
	}
	never := fmt.Sprintf("has not said READY=1 within %s of its start, which ready = notify waits for", rounded(b.Start))
	rs.useless(p, "it "+never, is+" "+never, advice)
}

// unanswered returns why the place did not answer, after a colon; "" while no attempt to
// reach the place has failed.
func (b *backend) unanswered() string {
	if b.errno == 0 {
		return ""
	}
	return ": " + strerror.Errno(b.errno)
}

// silent is advice about a server that has ended with an error and said nothing on
// standard error. The daemon hears nothing else: standard output is /dev/null.
func silent(do *table.Action) string {
	why := "it said nothing on standard error"
	switch stderr := do.Keys.Stderr; {
	case stderr == "null":
		why = "stderr = null hides what it says"
	case filepath.IsAbs(stderr):
		return "; what it says on standard error is in " + stderr
	}
	text := fmt.Sprintf("; %s: try %s with its args by hand", why, do.Path)
	if do.User.Name != "" && do.User.Name != "-" {
		text += " as user " + do.User.Name
	}
	return text
}

// useless logs why a server does not serve, and counts the failure under its cause.
func (rs *Relays) useless(p *passing, cause, text, advice string) {
	rs.tellUseless(p, text, advice)
	p.failed(cause, text)
}

func (rs *Relays) tellUseless(p *passing, text, advice string) {
	rs.loop.Log.Tell(syslog.Err, p.svc, p.svc.Label+": "+text, "", advice)
}

// failed counts a start after which no client was served. It counts each start once: a
// server may be late and then end, too. Starts that fail alike share a cause, so a cause
// has no process IDs and no measured times; the text may have them.
func (p *passing) failed(cause, text string) {
	u, now := p.svc.Usage(), time.Now()
	if p.back.counted {
		u.Err(text, now)
		return
	}
	p.back.counted = true
	u.Fail("start", cause, text, now)
}

// backendEnded handles the end of the server's process.
func (rs *Relays) backendEnded(p *passing, st child.Status, said string) {
	b, now := p.back, time.Now()
	if st.Stage != child.Run {
		rs.loop.Doctor.NotStarted(p.svc, p.svc.Do.Program, "", st)
		rs.act(p, b.NeverRan(now))
	} else {
		p.countEnd(st)
		b.age, b.how, b.said, b.crashed = now.Sub(b.Begun), child.How(st.Wait), said, st.Wait != 0
		b.cramped = diagnose.Cramped(p.svc, st.Wait.Signal())
		rs.tellForked(p)
		rs.act(p, b.Ended(now, st.Wait == 0))
	}
	if p.retired {
		rs.part(p)
		return
	}
	rs.lull(p)
}

// tellForked logs that the process of a ready server has ended and left others in its
// process group. Those are about to be ended as well.
func (rs *Relays) tellForked(p *passing) {
	v, b := p.svc, p.back
	if b.Stage != demand.Ready || b.crashed || unix.Kill(-b.session, 0) == unix.ESRCH {
		return
	}
	text := fmt.Sprintf("%s: %s[%d] has ended after %s, and what it has left in the background is ended with it", v.Label, b.path, b.session, rounded(b.age))
	v.Usage().Err(text, time.Now())
	rs.loop.Log.Tell(syslog.Warning, v, text, "", "; have it stay in the foreground")
}

// countEnd counts the end of the server. Ending by the daemon's own SIGTERM is in order.
func (p *passing) countEnd(st child.Status) {
	u, b := p.svc.Usage(), p.back
	if b.Stage == demand.Stopping && !b.Killed && st.Wait.Signal() == syscall.SIGTERM {
		u.EndedWell++
		return
	}
	u.CountEnd(st)
}

// part ends what is left of a service that was removed or changed: server, then relay.
func (rs *Relays) part(p *passing) {
	if b := p.back; b != nil && b.PID != 0 {
		rs.act(p, b.Stop(time.Now()))
		return // backendEnded goes on
	}
	if p.fd >= 0 {
		rs.dismiss(p)
	}
}

// rounded rounds a time for the log.
func rounded(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
