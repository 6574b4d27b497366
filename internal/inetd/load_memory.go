// This file gives back the memory that a load has used, and touches again what the loop
// needs to serve a client.

package inetd

import (
	"net/netip"

	"inetd/internal/environ"
	"inetd/internal/gc"
	"inetd/internal/sock"
)

// shrink gives back the memory that a load has used: garbage of many times the size of its
// result, and pages of code that ran once. The pages that serving a client needs are
// touched again at once.
func (s *Server) shrink() {
	m := gc.ReadMappings()
	s.pacer.Release()
	s.mail.Post(func() {
		s.rehearse() // grows the stack, which Release has cut, by touching pages that nothing else needs
		m.Trim()
		s.rehearse()
	})
}

// rehearse runs the code that serves a connection, as far as that is possible without one,
// so that its pages are in memory. It changes nothing.
func (s *Server) rehearse() {
	s.refreshAccounts()
	sock.Accept(-1, &s.peer) // fails
	s.env = environ.AppendEnds(s.env[:0], nobody, nobody)
	s.running.Rehearse()
	s.timers.After(0, func() {}) // as for the sweep
}

var nobody = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
