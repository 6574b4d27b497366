package inetd

import (
	"inetd/internal/machine"
	"inetd/internal/plan"
)

// host is what a load of this daemon needs to know.
func (s *Server) host() *plan.Host {
	h := machine.Host()
	h.Clone, h.Getent = s.starter.Clone(), s.getent()
	h.Inherited, h.Known, h.Sockets = s.sockets.Specs(), s.now.Known, s.now.Sockets
	h.Names = s.now.Hosts.Renew()
	return h
}
