// This file leads an admitted client to the stage that serves it: an inquiry, a builtin
// or a server.

package inetd

import (
	"cmp"
	"os"

	"inetd/internal/access"
	"inetd/internal/client"
	"inetd/internal/inquiry"
	"inetd/internal/table"
)

// attend serves a client that has been admitted. It takes over the connection.
func (s *Server) attend(v *table.Service, c *client.Client) {
	switch {
	case c.Named || s.inquiries.Wants(v.Do):
		s.inquiries.Ask(v, *c, s.decided)
		return
	case v.Do.Internal():
		s.talks.Serve(v, *c)
		return
	}
	s.start(&delayed{svc: v, client: *c, program: v.Do.Program})
}

// decided serves a client whose inquiry is over, or turns it away.
func (s *Server) decided(q *inquiry.Inquiry) {
	v, c, pid := q.For, q.Client, os.Getpid()
	switch {
	case q.Program != nil:
		c.Room.Leave() // the room of a builtin: a process serves the client instead
		pid = cmp.Or(s.start(&delayed{svc: v, client: c, inquiry: q, program: q.Program}), pid)
	case !q.Answer.Allow:
		s.turnAway(v, c)
	case v.Do.Internal():
		s.talks.Serve(v, c)
	default:
		pid = cmp.Or(s.start(&delayed{svc: v, client: c, inquiry: q, program: v.Do.Program}), pid)
	}
	for _, cmd := range q.Answer.Spawn {
		s.spawn(v, access.Expand(cmd, q.Answer.Query, pid))
	}
}

// turnAway ends the connection of a client that was admitted and is then refused.
func (s *Server) turnAway(v *table.Service, c client.Client) {
	s.door.Blame(v, &c)
	s.sendAway(v, c.Conn)
	s.talks.Leave(v, c)
}
