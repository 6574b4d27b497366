package inetd

import (
	"fmt"
	"time"
)

// loadTime bounds a load, which may ask name servers and reads files: on a dead
// file system that takes for ever, and nothing can end it. It is less than
// inetd -c waits for the outcome.
const loadTime = 45 * time.Second

// maxStuck is how many loads that were given up may wait at once: each has a
// thread.
const maxStuck = 4

// attempt is a load, or a look at users and groups, that is under way.
type attempt struct {
	until time.Time
	late  func() // gives it up
}

// try runs work in a goroutine of its own, and what that returns on the loop.
// After loadTime late is called instead, and nothing comes of work any more.
func (s *Server) try(work func() (done func()), late func()) {
	a := &attempt{time.Now().Add(loadTime), late}
	s.loading, s.attempt = true, a
	s.guard()
	go func() {
		done := work()
		s.mail.Post(func() {
			if s.attempt != a {
				s.stuck--
				return
			}
			s.attempt = nil
			done()
		})
	}()
}

// guard sees to it that the attempt ends in time. One timer is enough for all,
// so that a storm of reloads leaves none behind.
func (s *Server) guard() {
	if s.guarding {
		return
	}
	s.guarding = true
	s.timers.After(time.Until(s.attempt.until), func() {
		s.guarding = false
		switch a := s.attempt; {
		case a == nil:
		case time.Now().Before(a.until):
			s.guard()
		default:
			s.giveUp(a)
		}
	})
}

// giveUp forgets an attempt. The watcher may wait for the same file system, so
// the next load gets one of its own.
func (s *Server) giveUp(a *attempt) {
	s.attempt, s.loading = nil, false
	s.stuck++
	if s.watcher != nil {
		go s.watcher.Close()
		s.watcher = nil
	}
	a.late()
	if s.again {
		s.reload(nil)
	}
}

// slow says that a load takes too long, and what it waits for: a file, or else
// an answer.
func slow(path *string) error {
	if path != nil {
		return fmt.Errorf("%s was not read within %v; is its file system alive?", *path, loadTime)
	}
	return fmt.Errorf("the load was not done within %v; name servers or getent do not answer", loadTime)
}

// unread answers a reload from which no plan came.
func (s *Server) unread(err error, answer []func(Outcome)) {
	s.refuse(err)
	for _, done := range answer {
		done(Outcome{Err: err})
	}
	s.announce()
}
