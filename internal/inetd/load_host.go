// This file tells a load what it needs to know of this daemon: the table, the inherited
// sockets, and how to ask getent.

package inetd

import (
	"inetd/internal/machine"
	"inetd/internal/plan"
)

// host returns what a load needs to know of the machine and of this daemon.
func (s *Server) host() *plan.Host {
	h := machine.Host()
	h.Clone, h.Getent = s.starter.Clone(), s.getent()
	h.Inherited, h.Known, h.Sockets = s.sockets.Specs(), s.now.Known, s.now.Sockets
	if s.now.Hosts != nil {
		h.Hosts = s.now.Hosts.Renew()
	}
	return h
}
