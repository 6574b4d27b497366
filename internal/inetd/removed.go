package inetd

import (
	"errors"
	"fmt"

	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A wait server keeps its socket when its service is removed. Until it ends, nobody
// else can have the address.

// tellHeld logs which process goes on with a socket that a reload closes.
func (s *Server) tellHeld(k *table.Socket) {
	if k.Server != 0 {
		s.log.Noticef("%s: removed; its server, process %d, still has %s", k.Service.Label, k.Server, k.Spec)
	}
}

// whoHolds names the server of a removed service that has the address of a socket.
func (s *Server) whoHolds(k *table.Socket) string {
	for pid, p := range s.running.All() {
		if l := p.Lent; l != nil && l.Closed && l.Spec.Conflicts(k.Spec) {
			return fmt.Sprintf("process %d, a server of %s before, still has it", pid, l.Service.Label)
		}
	}
	return ""
}

// vacated opens the sockets that have waited for the end of the server of a removed
// service.
func (s *Server) vacated(l *table.Socket) {
	for k, f := range s.faults {
		if errors.Is(f.err, unix.EADDRINUSE) && l.Spec.Conflicts(k.Spec) {
			s.retry(k)
		}
	}
}
