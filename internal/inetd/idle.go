package inetd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"inetd/internal/conf"
	"inetd/internal/idle"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The key idle_time ends a server that has had nothing to do for that long. As long as
// such servers run, the kernel is asked about all of them at once, beside the loop.

// idlers are the servers with an idle time.
type idlers struct {
	idle.Table
	asks    *loop.Beside
	due     time.Time      // of the next question; zero: none has a timer
	stopped []*idle.Server // while the kernel is asked once more
	failed  bool           // the kernel does not answer, and the log says so
}

// idleAskTime is how long the kernel may take to answer.
const idleAskTime = 10 * time.Second

// idleTimeOf is how long the servers of a service may be idle; 0: for ever.
func idleTimeOf(k *conf.Keys) time.Duration {
	if k == nil {
		return 0
	}
	return k.IdleTime
}

// cookieOf is what the kernel knows a connection by, if it will be asked about it.
func cookieOf(v *table.Service, conn int) (cookie uint64) {
	if idleTimeOf(v.Do.Keys) > 0 && v.Do.Mode == plan.Accept {
		cookie, _ = unix.GetsockoptUint64(conn, unix.SOL_SOCKET, unix.SO_COOKIE)
	}
	return cookie
}

// servedBy is what a server serves.
func (s *Server) servedBy(p *running.Process) idle.Subject {
	k := p.Lent
	if k == nil || k.FD < 0 || !k.Spec.Listens() {
		return idle.Subject{Cookie: p.Cookie}
	}
	sock.Local(int(k.FD), &s.local) // an RPC service has no port before
	return idle.Listener(k.Spec, s.local.AddrPort().Port())
}

// limitIdle ends a server that has just started once it has had nothing to do for its
// idle time, if it has one and if the kernel tells.
func (s *Server) limitIdle(pid int, p *running.Process) {
	d := idleTimeOf(p.Service.Do.Keys)
	if d == 0 || pid <= 0 {
		return
	}
	served := s.servedBy(p)
	if served == (idle.Subject{}) && p.Stamp() < 0 {
		return
	}
	s.idle.Add(&idle.Server{Subject: served, PID: pid, Time: d, Since: time.Now()})
	s.askIdleIn(idle.Pause(d))
}

// askIdleIn has the kernel asked in some time, if it is not asked sooner; 0 is never.
func (s *Server) askIdleIn(d time.Duration) {
	due := time.Now().Add(d)
	if d == 0 || s.idle.asks.Full() || !s.idle.due.IsZero() && !due.Before(s.idle.due) {
		return
	}
	s.idle.due = due
	s.timers.After(d, func() {
		if s.idle.due == due {
			s.idle.due = time.Time{}
			s.askIdle(s.idle.All(), s.endIdle)
		}
	})
}

// askIdle asks the kernel about servers, and calls then with those that have had nothing
// to do for their time. Nothing is asked in the name of no server.
func (s *Server) askIdle(list []*idle.Server, then func([]*idle.Server)) {
	if len(list) == 0 {
		return
	}
	var used []time.Time
	var err error
	s.idle.asks.Do(idleAskTime, func(context.Context) { used, err = idle.Ask(list) }, func() {
		var over []*idle.Server
		if err == nil {
			s.lookAt(list, used)
			over = s.idle.Update(list, used, time.Now())
		} else if !s.idle.failed {
			s.idle.failed = true
			s.log.Warningf("idle_time: %s: servers that have nothing to do cannot be told from others, and go on", strerror.Call(err))
		}
		then(over)
		s.askIdleIn(s.idle.Period())
	})
}

// lookAt notes when servers have last taken a datagram. Whoever waits in a lent socket is
// something to do.
func (s *Server) lookAt(list []*idle.Server, used []time.Time) {
	for i, w := range list {
		p := s.running.All()[w.PID]
		if !s.idle.Has(w) || w.Cookie != 0 {
			continue
		}
		if at := p.Stamp(); at > 0 {
			used[i] = time.Unix(0, at)
		}
		if p.Lent != nil && p.Lent.FD >= 0 && sock.Readable(int(p.Lent.FD)) {
			used[i] = time.Now()
		}
	}
}

// endIdle ends servers. One that takes its clients itself is stopped first and the
// kernel asked once more: so no client gets to it at the last moment, but to the next.
func (s *Server) endIdle(over []*idle.Server) {
	for _, w := range over {
		switch p := s.running.All()[w.PID]; {
		case p.Kill != 0:
		case p.Lent != nil:
			unix.Kill(-w.PID, unix.SIGSTOP)
			s.idle.stopped = append(s.idle.stopped, w)
		default:
			s.endIdleServer(w)
		}
	}
	s.askIdle(s.idle.stopped, func(over []*idle.Server) {
		for _, w := range over {
			if slices.Contains(s.idle.stopped, w) {
				s.endIdleServer(w)
			}
		}
		s.resumeStopped()
	})
}

// resumeStopped has the servers go on that were stopped. Of one that was told to end
// that is the first thing it finds.
func (s *Server) resumeStopped() {
	for _, w := range s.idle.stopped {
		if s.idle.Has(w) {
			unix.Kill(-w.PID, unix.SIGCONT)
		}
	}
	s.idle.stopped = nil
}

func (s *Server) endIdleServer(w *idle.Server) {
	s.endServer(w.PID, s.running.All()[w.PID], fmt.Sprintf("been idle for %v, its idle_time,", w.Time), "idle_time")
}
