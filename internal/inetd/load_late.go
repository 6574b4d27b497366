// This file has the entries that wait for something planned again, and merges what is
// found into the table.

package inetd

import (
	"time"

	"inetd/internal/hosts"
	"inetd/internal/plan"
	"inetd/internal/table"
)

// latecomers says when the entries that wait for something are tried again.
type latecomers struct {
	at     time.Time
	delay  time.Duration // from the last attempt to at
	timing bool          // a timer is set
}

// Bounds on the time between attempts.
const (
	minLate = time.Second
	maxLate = time.Minute
)

// awaitLate has the entries that the last load left out tried again: once name servers have
// answered if they are still being asked, or else after delay, from minLate to maxLate.
func (s *Server) awaitLate(delay time.Duration) {
	late := s.now.Late
	s.latecomers.delay = delay
	switch {
	case late == nil:
	case late.Asking:
		s.askLate(late, s.now.Hosts)
	default:
		s.tryLateAfter(delay)
	}
}

// tryLateAfter has the entries tried again after delay, from minLate to maxLate.
func (s *Server) tryLateAfter(delay time.Duration) {
	s.latecomers.delay = min(max(delay, minLate), maxLate)
	s.latecomers.at = time.Now().Add(s.latecomers.delay)
	s.timeLate()
}

// timeLate makes sure that a timer is set. There is never more than one, so that a storm
// of reloads leaves no timers behind.
func (s *Server) timeLate() {
	if s.latecomers.timing {
		return
	}
	s.latecomers.timing = true
	s.timers.After(time.Until(s.latecomers.at), func() {
		s.latecomers.timing = false
		switch late := s.now.Late; {
		case late == nil:
		case time.Now().Before(s.latecomers.at):
			s.timeLate()
		default:
			s.askLate(late, s.now.Hosts.Again())
		}
	})
}

// A load may leave questions to name servers behind. The answers are awaited for longer than
// a question takes. After a storm of reloads only maxAwaits loads are waited for.
const (
	awaitTime = 15 * time.Second
	maxAwaits = 4
)

// askLate tries again once name servers have answered.
func (s *Server) askLate(late *plan.Late, answers *hosts.Addresses) {
	s.awaits.Do(func() func() {
		answers.AwaitAll()
		return func() { s.tryLate(late, answers) }
	}, func() { s.tryLateAfter(s.latecomers.delay) })
}

// tryLate plans again what the last load has read. Nobody has asked for this, so the log
// only tells what has changed.
func (s *Server) tryLate(late *plan.Late, answers *hosts.Addresses) {
	switch {
	case late != s.now.Late: // a reload came first
		return
	case s.loading:
		s.timers.After(minLate, func() { s.tryLate(late, answers) })
		return
	case s.attempts.Full():
		s.tryLateAfter(maxLate)
		return
	}
	cfg, host, env, load, files := s.cfg.Config, s.host(), s.environment(), s.load, s.now.Names
	host.Late, host.Hosts = late, answers.Copy()
	s.pacer.Hold()
	s.try(func() func() {
		p := load(&cfg, host)
		passed, fresh, ok := late.News(p)
		if !ok {
			return func() { s.triedLate(nil, nil, nil) }
		}
		g, err := table.Assemble(p, s.starter, env, files)
		if err != nil {
			return func() { s.triedLate(nil, nil, nil) }
		}
		g.Hosts = host.Hosts
		return func() { s.triedLate(g, passed, fresh) }
	}, func() {
		s.log.Errorf("what is missing was not found within %v; it will be tried again", loadTime)
		s.tryLateAfter(maxLate)
	})
}

// triedLate ends an attempt. It puts the generation g into force if something has been
// found; g is nil if nothing was.
func (s *Server) triedLate(g *table.Generation, passed, fresh []plan.Problem) {
	defer s.loadDone()
	if g == nil {
		s.tryLateAfter(2 * s.latecomers.delay)
		return
	}
	if len(passed) > 0 || s.now.Late.Asking {
		s.merge(g)
		s.awaitLate(0)
	} else {
		s.now.Late, s.now.Hosts = g.Late, g.Hosts
		s.awaitLate(2 * s.latecomers.delay)
	}
	for _, p := range plan.Condense(fresh) {
		s.log.Log(priorities[p.Severity], p.LogLine())
	}
	for _, p := range plan.Condense(passed) {
		s.log.Noticef("%s", p.Passed())
	}
}
