// This file runs loads beside the loop, and has the loop go on when one does not come
// back.

package inetd

import (
	"fmt"
	"time"
)

// loadTime bounds a load, which reads files and may ask name servers. A read from a dead
// file system takes for ever, and nothing can end it. loadTime is less than inetd -c
// waits for the outcome.
const loadTime = 45 * time.Second

// maxStuck is how many loads that were given up may still be blocked at once: each holds
// a thread.
const maxStuck = 4

// try runs a load, of which no other is under way. See loop.Beside for work and late.
func (s *Server) try(work func() (done func()), late func()) {
	s.loading = true
	s.attempts.Do(work, func() {
		s.loading = false
		late()
		if s.again {
			s.reload(nil)
		}
	})
}

// slow returns the error of a load that takes too long: it waits for the file at path or,
// if path is nil, for an answer.
func slow(path *string) error {
	if path != nil {
		return fmt.Errorf("%s was not read within %v; is its file system alive?", *path, loadTime)
	}
	return fmt.Errorf("the load was not done within %v; name servers or getent do not answer", loadTime)
}

// unread answers a reload that has produced no plan.
func (s *Server) unread(err error, answer []func(Outcome)) {
	s.refuse(err)
	for _, done := range answer {
		done(Outcome{Err: err})
	}
	s.announce()
}
