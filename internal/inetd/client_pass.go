// This file hands clients to package passing, and gives that package what it needs of the
// loop and the other stages.

package inetd

import (
	"inetd/internal/client"
	"inetd/internal/passing"
	"inetd/internal/table"
)

// newRelays makes the Relays of this loop, which serve the entries with the key connect.
func (s *Server) newRelays() *passing.Relays {
	return passing.New(passing.Loop{
		Starter: s.starter, Poll: s.poll, Timers: &s.timers, Relay: tagRelay, Ready: tagReady, Log: s.log,
		Running: s.running, Mail: s.mail, Beside: s.examinations, Doctor: s.doctor, Now: s.now,
		UserName: s.userName, Release: s.release,
	})
}

// pass hands a client to the relay of its service, which passes it on to the place.
func (s *Server) pass(v *table.Service, c *client.Client) (pid int, err error) {
	return s.relays.Pass(v, passing.Client{Conn: c.Conn, Peer: c.Peer, Local: c.Local(&s.local), Source: c.Source, From: c.From()})
}
