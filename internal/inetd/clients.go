package inetd

import (
	"time"

	"inetd/internal/access"
	"inetd/internal/plan"
	"inetd/internal/wrap"
)

// The keys of an entry that say who may use it. An address is ruled upon as soon as
// its client is accepted; a name is found out beside the loop, by an inquiry.

// guard keeps what rules about the clients of a service, once for all services that
// have it from one place. It takes a while, and is called beside the event loop.
func (a *assembly) guard(v *service, from *plan.Service) {
	if from.Clients == nil {
		return
	}
	g, made := a.made[from.Clients]
	if !made {
		g = plan.GuardOf(from.Clients)
		a.made[from.Clients] = g
	}
	if a.guards == nil {
		a.guards = map[*service]*access.Guard{}
	}
	a.guards[v] = g
	v.do.guarded = true
	v.do.asksNames = g.AsksNames()
}

// welcomes reports whether a client of a service may go on by its address. Of one
// whose name decides it notes that.
func (s *Server) welcomes(v *service, c *client) bool {
	if !v.do.guarded || !c.peer.IsValid() {
		return true
	}
	g := s.now.guards[v]
	r := g.Rule(c.peer.Addr())
	if r == access.Refused {
		s.unwelcome(v, c, g)
	}
	c.named = r == access.AskName
	return r != access.Refused
}

// unwelcome counts and logs a client whose address is refused. The sender of a
// datagram may be forged, so those are told once a minute.
func (s *Server) unwelcome(v *service, c *client, g *access.Guard) {
	s.blame(v, c)
	u := v.usage()
	if !v.do.Listens {
		if now := time.Now(); now.Sub(u.unwelcome) < time.Minute {
			return
		}
		u.unwelcome = time.Now()
	}
	q := s.inquiry(v, *c)
	q.answer = wrap.Refusal(q.Query, g.Check(q.Query))
	s.logDecision(q)
}
