package inetd

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A wait server keeps its socket when its service is removed. Until it ends, nobody
// else can have the address.

// tellHeld logs which process goes on with a socket that a reload closes.
func (s *Server) tellHeld(k *socket) {
	if k.server != 0 {
		s.log.Noticef("%s: removed; its server, process %d, still has %s", k.svc.label, k.server, k.spec)
	}
}

// whoHolds names the server of a removed service that has the address of a socket.
func (s *Server) whoHolds(k *socket) string {
	for pid, p := range s.processes {
		if l := p.lent; l != nil && l.closed && l.spec.Conflicts(k.spec) {
			return fmt.Sprintf("process %d, a server of %s before, still has it", pid, l.svc.label)
		}
	}
	return ""
}

// vacated opens the sockets that have waited for the end of the server of a removed
// service.
func (s *Server) vacated(l *socket) {
	for k, f := range s.faults {
		if errors.Is(f.err, unix.EADDRINUSE) && l.spec.Conflicts(k.spec) {
			s.retry(k)
		}
	}
}
