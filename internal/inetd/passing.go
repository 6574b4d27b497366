package inetd

import (
	"inetd/internal/client"
	"inetd/internal/passing"
	"inetd/internal/table"
)

// newRelays makes what serves the entries with the key connect: this loop's part of it.
func (s *Server) newRelays() *passing.Relays {
	return passing.New(passing.Loop{
		Starter: s.starter, Poll: s.poll, Timers: &s.timers, Relay: tagRelay, Ready: tagReady, Log: s.log,
		Running: s.running, Beside: s.examinations, Doctor: s.doctor, Now: s.now,
		UserName: s.userName, Release: s.release,
	})
}

// pass has a client passed on to the place of its service.
func (s *Server) pass(v *table.Service, c *client.Client) (pid int, err error) {
	return s.relays.Pass(v, passing.Client{Conn: c.Conn, Peer: c.Peer, Local: c.Local(&s.local), Source: c.Source, From: c.From()})
}
