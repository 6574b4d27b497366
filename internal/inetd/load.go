// This file begins loads and puts what they bring into force; only the loop may do
// either.

package inetd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"inetd/internal/conf"
	"inetd/internal/plan"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Reload rereads the configuration, and calls done on the event loop with what that
// changed, unless done is nil. Calls that come during a load share one further load.
func (s *Server) Reload(done func(Outcome)) {
	s.mail.Post(func() { s.reload(done) })
}

// reload starts a load beside the loop, or remembers to do so after the load that is
// under way.
func (s *Server) reload(done func(Outcome)) {
	if done == nil {
		done = func(Outcome) {}
	}
	s.waiting = append(s.waiting, done)
	if s.loading {
		s.again = true
		return
	}
	if s.ready {
		s.notify("RELOADING=1")
	}
	answer := s.waiting
	s.waiting, s.again = nil, false
	if s.attempts.Full() {
		s.unread(fmt.Errorf("%d loads before it still wait for a file or a name server", s.attempts.Stuck()), answer)
		return
	}
	cfg, host, env, names := s.cfg.Config, s.host(), s.environment(), s.now.Names
	var reading atomic.Pointer[string]
	host.Reading = reading.Store
	s.pacer.Hold()
	watcher, paths, load, all := s.watch(), s.watched(), s.load, "the configuration"
	s.try(func() func() {
		reading.Store(&all)
		watcher.Set(paths) // before the files are read, so that no change is missed
		p := load(&cfg, host)
		reading.Store(&all)
		if !slices.Equal(paths, p.Watch) {
			watcher.Set(p.Watch)
		}
		s.inquiries.ReadRules(p)
		g, err := table.Assemble(p, s.starter, env, names)
		p.Err = cmp.Or(p.Err, err)
		if g != nil {
			g.Hosts = host.Hosts
		}
		return func() { s.loaded(p, g, answer) }
	}, func() {
		s.watcher.Close() // it may be blocked on the same file system
		s.watcher = nil
		s.unread(slow(reading.Load()), answer)
	})
}

// loaded puts a plan into force.
func (s *Server) loaded(p *plan.Plan, g *table.Generation, answer []func(Outcome)) {
	for _, f := range p.Files {
		s.log.Noticef("inetd reading %s", f)
	}
	problems := plan.Condense(p.Problems)
	for _, pr := range problems {
		s.log.Log(priorities[pr.Severity], pr.LogLine())
	}
	s.degraded()
	out := Outcome{Err: p.Err}
	if p.Err == nil || !s.ready && s.heir == nil && g != nil && len(g.Services) > 0 {
		out = s.merge(g)
		s.loads, s.loadedAt, s.changedFiles = s.loads+1, time.Now(), nil
		if s.heir == nil {
			s.tellMerged(out)
		} else {
			s.takeOver()
		}
		s.awaitLate(0)
	}
	if p.Err != nil {
		s.refuse(p.Err)
	}
	for _, pr := range problems {
		out.Problems = append(out.Problems, pr.Public())
	}
	for _, done := range answer {
		done(out)
	}
	s.announce()
	s.loadDone()
}

// loadDone lets the next load begin.
func (s *Server) loadDone() {
	s.loading = false
	s.timers.After(shrinkDelay, func() { go s.shrink() })
	if s.again {
		s.reload(nil)
	}
}

// tellNothing warns that the configuration asks for nothing.
func (s *Server) tellNothing(out Outcome) {
	left := ""
	if len(out.Removed) > 0 {
		left = "no service is left: "
	}
	if len(s.now.Services) == 0 {
		s.log.Warningf("%snothing to serve in %s", left, strings.Join(s.cfg.Sources(), " "))
	}
}

// priorities are the log priorities of problems.
var priorities = map[conf.Severity]syslog.Priority{conf.Hint: syslog.Info, conf.Warning: syslog.Warning, conf.Error: syslog.Err}

// shrinkDelay lets a burst of reloads pass, and what a load has started come to its end.
const shrinkDelay = 500 * time.Millisecond

// refuse handles a configuration with a file that cannot be used at all: the daemon goes
// on with the services it has. At the start those are the services of the other files, and
// of the rest of a damaged one; if there are none, the error is fatal.
func (s *Server) refuse(err error) {
	switch {
	case s.heir != nil:
		s.notTaken(err)
	case s.ready:
		s.log.Errorf("%v; the services stay as they were", err)
	case len(s.now.Services) == 0:
		s.failure = err
	case plan.Damaged(err):
		s.log.Errorf("%v; what else is right is served", err)
	default:
		s.log.Errorf("%v; the other files are served", err)
	}
}

// announce tells that a load is done: by Config.Ready the first time, then by Notify.
func (s *Server) announce() {
	if s.failure != nil || s.heir != nil {
		return
	}
	if !s.ready {
		s.ready = true
		if s.cfg.Ready != nil {
			s.cfg.Ready()
		}
		return
	}
	s.notify("READY=1")
}
