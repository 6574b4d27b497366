package inetd

import (
	"time"

	"golang.org/x/sys/unix"
)

// endTime is what servers have that are told to end, before the daemon ends itself: if
// that is process 1, the kernel then kills them.
const endTime = 700 * time.Millisecond

// tellToEnd tells the servers that run to end, and waits for them without serving
// anybody else.
func (s *Server) tellToEnd() {
	s.holding = true
	s.armEverything()
	left := func() (pids []int) {
		for pid, p := range s.running.All() {
			if p.Done == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	for _, pid := range left() {
		// Each leads a session of its own, as soon as it has begun.
		if unix.Kill(-pid, unix.SIGTERM) == unix.ESRCH {
			unix.Kill(pid, unix.SIGTERM)
		}
	}
	s.relays.EndServers()
	over := false
	time.AfterFunc(endTime, func() { s.mail.Post(func() { over = true }) })
	for !over && (len(left()) > 0 || s.relays.Serving()) {
		s.turn()
	}
}
