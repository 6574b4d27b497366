package idle

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/conf"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Limiter ends servers that have had nothing to do for their idle time (key idle_time). As
// long as servers with an idle time run, the kernel is asked about all of them at once,
// beside the event loop. A Limiter belongs to the goroutine of the loop.
type Limiter struct {
	Table

	running *running.Table
	timers  *loop.Timers
	log     *logbook.Book
	asks    *loop.Beside
	due     time.Time // when the kernel is asked next; zero: no timer is set
	stopped []*Server // stopped while the kernel is asked once more
	failed  bool      // the kernel does not answer, and the log says so
	scratch sock.Address
}

// NewLimiter makes a Limiter of running processes.
func NewLimiter(r *running.Table, m *loop.Mailbox, t *loop.Timers, log *logbook.Book) *Limiter {
	return &Limiter{running: r, timers: t, log: log, asks: loop.NewBeside(m, maxAsks, askTime)}
}

// Due is when the kernel is asked next; zero: no question is due.
func (l *Limiter) Due() time.Time { return l.due }

// Stopped are the servers that are stopped while the kernel is asked once more.
func (l *Limiter) Stopped() []*Server { return l.stopped }

// One question is asked at a time. The kernel may take askTime to answer it, and of maxAsks
// the answers may still be missing after that.
const (
	askTime = 10 * time.Second
	maxAsks = 4
)

// timeOf is how long the servers of a service may be idle; 0: for ever.
func timeOf(k *conf.Keys) time.Duration {
	if k == nil {
		return 0
	}
	return k.IdleTime
}

// Cookie returns the socket cookie of a connection, or 0 if the kernel is not to be asked.
func Cookie(v *table.Service, conn int) (cookie uint64) {
	if timeOf(v.Do.Keys) > 0 && v.Do.Mode == plan.Accept {
		cookie, _ = unix.GetsockoptUint64(conn, unix.SOL_SOCKET, unix.SO_COOKIE)
	}
	return cookie
}

// servedBy returns what a server serves.
func (l *Limiter) servedBy(p *running.Process) Subject {
	k := p.Lent
	if k == nil || k.FD < 0 || !k.Spec.Listens() {
		return Subject{Cookie: p.Cookie}
	}
	sock.Local(int(k.FD), &l.scratch) // an RPC service has a port only once its socket is open
	return Listener(k.Spec, l.scratch.AddrPort().Port())
}

// Limit ends a server that has just started once it has had nothing to do for its idle
// time, if it has one and the kernel can tell.
func (l *Limiter) Limit(p *running.Process) {
	d := timeOf(p.Service.Do.Keys)
	if d == 0 || p.PID <= 0 {
		return
	}
	served := l.servedBy(p)
	if served == (Subject{}) && p.Stamp() < 0 {
		return
	}
	l.Add(&Server{Subject: served, PID: p.PID, Time: d, Since: time.Now()})
	l.askIn(Pause(d))
}

// askIn has the kernel asked after d, unless it is asked sooner anyway; 0 is never.
func (l *Limiter) askIn(d time.Duration) {
	due := time.Now().Add(d)
	if d == 0 || l.asks.Len() > 0 || !l.due.IsZero() && !due.Before(l.due) {
		return
	}
	l.due = due
	l.timers.After(d, func() {
		if l.due == due {
			l.due = time.Time{}
			l.ask(l.All(), l.endAll)
		}
	})
}

// ask asks the kernel about servers, and calls then with those whose idle time is over. If
// the list is empty, it does nothing.
func (l *Limiter) ask(list []*Server, then func([]*Server)) {
	if len(list) == 0 {
		return
	}
	asked := time.Now()
	answer := func(used []time.Time, err error) func() {
		return func() {
			var over []*Server
			if err == nil {
				l.lookAt(list, used)
				over = l.Update(list, used, asked)
			} else if !l.failed {
				l.failed = true
				l.log.Warningf("idle_time: %s: servers that have nothing to do cannot be told from others, and go on", strerror.Call(err))
			}
			then(over)
			l.askIn(l.Period())
		}
	}
	l.asks.Do(func() func() { return answer(Ask(list)) }, answer(nil, unix.ETIMEDOUT))
}

// lookAt notes when servers last took a datagram. A server with a client or a datagram
// waiting in its socket is in use now.
func (l *Limiter) lookAt(list []*Server, used []time.Time) {
	for i, w := range list {
		p := l.running.Find(w.PID)
		if !l.Has(w) || w.Cookie != 0 {
			continue
		}
		if at := p.Stamp(); at > 0 {
			used[i] = time.Unix(0, at)
		}
		if p.Awaited() {
			used[i] = time.Now()
		}
	}
}

// endAll ends servers. A server that takes its clients itself is stopped first, and the
// kernel is asked once more, so that a client who comes at the last moment is not lost with
// the server, but waits for the next one.
func (l *Limiter) endAll(over []*Server) {
	for _, w := range over {
		switch p := l.running.Find(w.PID); {
		case p.Kill != 0:
		case p.Lent != nil:
			unix.Kill(-w.PID, unix.SIGSTOP)
			l.stopped = append(l.stopped, w)
		default:
			l.end(w)
		}
	}
	l.ask(l.stopped, func(over []*Server) {
		for _, w := range over {
			if slices.Contains(l.stopped, w) {
				l.end(w)
			}
		}
		l.Resume()
	})
}

// Resume lets the servers that were stopped go on. One that was told to end meets that
// signal first.
func (l *Limiter) Resume() {
	for _, w := range l.stopped {
		if l.Has(w) {
			unix.Kill(-w.PID, unix.SIGCONT)
		}
	}
	l.stopped = nil
}

func (l *Limiter) end(w *Server) {
	l.running.End(l.running.Find(w.PID), fmt.Sprintf("been idle for %v, its idle_time,", w.Time), "idle_time")
}
