package inetd

import (
	"time"
)

// endTime is what servers have that are told to end, before the daemon ends itself: if
// that is process 1, the kernel then kills them.
const endTime = 700 * time.Millisecond

// tellToEnd tells the servers that run to end, and waits for them without serving
// anybody else.
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
