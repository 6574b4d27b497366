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

// try runs work beside the loop, and what that returns on it. After loadTime late is
// called instead.
func (s *Server) try(work func() (done func()), late func()) {
	s.loading = true
	s.attempts.Try(work, func() { s.giveUp(late) })
}

// giveUp goes on after a load that has not come back. The watcher may wait for the
// same file system, so the next load gets one of its own.
func (s *Server) giveUp(late func()) {
	s.loading = false
	if s.watcher != nil {
		go s.watcher.Close()
		s.watcher = nil
	}
	late()
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
