// This file puts a generation into the table, and tells the stages that keep something
// for a service.

package inetd

import (
	"inetd/internal/plaintext"
	"inetd/internal/table"
)

// merge puts a generation into force and says what that changes.
func (s *Server) merge(g *table.Generation) Outcome {
	s.doctor.Reloaded()
	c := table.Compare(s.now.Services, g.Services)
	s.starter.Expect(len(g.Services))
	s.sockets.Merge(g)
	clear(s.repliers)
	s.answering = table.Answering(g.Services)
	s.relays.RetireRemoved(g.Services)
	return Outcome{Added: c.Added, Changed: c.Changed, Removed: c.Removed, Kept: c.Kept, Closed: s.sockets.Unopened()}
}

// tellMerged logs what a load has changed.
func (s *Server) tellMerged(out Outcome) {
	s.tellNothing(out)
	if !s.ready {
		s.sockets.TellUnused()
		s.log.Noticef("serving %s", s.sockets.Serving())
		return
	}
	s.log.Noticef("configuration reloaded: %s added, %d changed, %d removed, %d as before",
		plaintext.Count(len(out.Added), "service", "services"), len(out.Changed), len(out.Removed), out.Kept)
}
