package inetd

import (
	"net/netip"

	"inetd/internal/environ"
	"inetd/internal/gc"
	"inetd/internal/sock"
)

// shrink gives back what a load has used: garbage of many times the size of its
// result, and the pages of code that ran once. Those that a client needs are
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

// rehearse goes the way of a connection as far as it can without one, so that
// the pages of that way are in memory. It changes nothing.
func (s *Server) rehearse() {
	s.refreshAccounts()
	sock.Accept(-1, &s.peer) // fails
	s.env = environ.AppendEnds(s.env[:0], nobody, nobody)
	s.running.Rehearse()
	s.timers.After(0, func() {}) // as the sweep
}

var nobody = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
