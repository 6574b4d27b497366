// This file says which limit keeps a service from taking another client; the counts of
// all stages decide that together.

package inetd

import (
	"time"

	"inetd/internal/gate"
	"inetd/internal/limit"
	"inetd/internal/table"
)

// bound returns the limit on concurrent work that keeps a service from taking another
// client, if there is one. Clients that tcpmux hands out ask for room when they enter.
func (s *Server) bound(v *table.Service) gate.Bound {
	switch {
	case s.inquiries.Full() && (s.inquiries.Wants(v.Do) || v.Do.AsksNames):
		return gate.ByInquiries
	case v.Used != nil && v.Used.NoRoom(v.Do.Limits) && !v.Do.RefusesFull():
		return gate.ByService
	case v.Do.Proxies != nil && !s.arrivals.Room.Room(v.Label, time.Now()):
		return gate.ByHeaders
	case v.Do.Internal():
		if !v.Do.Mux && v.Do.Stays() && !s.talks.Room.Room(v.Label, time.Now()) {
			return gate.ByBuiltins
		}
	case s.crowdedOut():
		return gate.ByProcesses
	case len(s.delayed) > 0:
		return s.boundByDelayed(v)
	}
	return gate.Unbound
}

// release takes back what Door.Admit counted for a client.
func (s *Server) release(v *table.Service, source limit.Source) {
	u := v.Usage()
	u.Release(source)
	s.gate.Unhold(u)
}
