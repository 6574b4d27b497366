// This file has the servers end before the daemon does, while the loop goes on turning.

package inetd

import (
	"time"
)

// endTime is how long servers that are told to end have before the daemon ends itself. If
// the daemon is process 1, the kernel then kills them.
const endTime = 700 * time.Millisecond

// tellToEnd tells the running servers to end, and waits for them, at most endTime,
// without serving anybody else.
func (s *Server) tellToEnd() {
	s.gate.Closed = true
	s.gate.ArmAll()
	s.running.TellToEnd()
	s.relays.EndServers()
	over := false
	time.AfterFunc(endTime, func() { s.mail.Post(func() { over = true }) })
	for !over && (s.running.Serving() || s.relays.Serving()) {
		s.turn()
	}
}
