package succession

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/dgram"
	"inetd/internal/handover"
	"inetd/internal/keep"
	"inetd/internal/running"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// Heir is what the program before an upgrade left.
type Heir struct {
	State     *handover.State
	Suspended map[*table.Usage]time.Time // when they are polled again
	Sessions  []*client.Session          // in the order of State.Sessions

	services []*table.Service // in the order of State.Services
	sockets  []*table.Socket  // in the order of State.Sockets; nil: no entry asked for it
	programs map[string]*child.Program
	profile  *child.Profile
}

// NewHeir makes the services and sockets of a State, and puts those in force that were.
func NewHeir(state *handover.State, starter *child.Starter, now *table.InForce, open *keep.Sockets) (*Heir, error) {
	profile, err := starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		return nil, err
	}
	h := &Heir{State: state, Suspended: map[*table.Usage]time.Time{}, programs: map[string]*child.Program{}, profile: profile}
	actions := make([]*table.Action, len(state.Actions))
	for i, text := range state.Actions {
		actions[i] = table.ActionOf(text)
		if actions[i].Program, err = h.programAt(actions[i].Path); err != nil {
			return nil, err
		}
	}
	for _, from := range state.Services {
		h.addService(from, actions[from.Action], now)
	}
	for _, from := range state.Sockets {
		var v *table.Service
		if from.Service >= 0 {
			v = h.services[from.Service]
		}
		h.sockets = append(h.sockets, open.Inherit(from, v))
	}
	for _, from := range state.Sessions {
		h.Sessions = append(h.Sessions, &client.Session{
			Pair: dgram.Pair{Client: from.Client, Asked: from.Asked}, At: h.sockets[from.Socket], Conn: from.FD, Local: from.Local, Taken: from.Taken,
		})
	}
	return h, nil
}

func (h *Heir) addService(from handover.Service, do *table.Action, now *table.InForce) {
	v := &table.Service{Label: from.Label, Do: do, At: now.PlaceIn(from.File, from.Line)}
	switch {
	case from.Usage != nil:
		v.Used = table.UsageOf(from.Usage)
		if u := v.Used; u.Halted {
			h.Suspended[u] = u.Starts.End(do.Limits.Window)
		}
	case from.Shares >= 0:
		v.Used = h.services[from.Shares].Used
	}
	h.services = append(h.services, v)
	if !from.InForce {
		return
	}
	now.Services = append(now.Services, v)
	if do.Mux {
		now.Mux = append(now.Mux, v)
	}
}

// programAt is a program that serves as a name in log lines and is never started.
func (h *Heir) programAt(path string) (*child.Program, error) {
	if p := h.programs[path]; p != nil {
		return p, nil
	}
	p, err := h.profile.Program(path, nil)
	h.programs[path] = p
	return p, err
}

// Service returns the service with number i in State.
func (h *Heir) Service(i int) *table.Service { return h.services[i] }

// Process makes a Process of a child that the program before started. A wait server has
// its socket again then.
func (h *Heir) Process(from handover.Child) *running.Process {
	p := &running.Process{Service: h.services[from.Service], Queued: from.Queued, Client: client.Of(from.Peer), Begun: from.Begun, Cookie: from.Cookie, Kept: from.Kept}
	var err error
	if p.Program, err = h.programAt(from.Path); err != nil {
		p.Program = p.Service.Do.Program
	}
	if from.Session >= 0 {
		p.Client.Session = h.Sessions[from.Session]
	}
	if from.Lent >= 0 {
		p.Lent = h.sockets[from.Lent]
		p.Lent.Server = int32(from.PID)
	}
	return p
}

// Client returns a client that the program before left, and the service that admitted it.
func (h *Heir) Client(from handover.Client) (v *table.Service, c client.Client) {
	c = client.Of(from.Peer)
	c.Conn = from.FD
	if from.Session >= 0 {
		c.Session = h.Sessions[from.Session]
	}
	return h.services[from.Service], c
}

// LeftoverOf is how far a builtin's conversation has got.
func LeftoverOf(from handover.Talk) stream.Leftover {
	return stream.Leftover{Begun: from.Begun, Got: from.Got, Unsent: from.Unsent, Until: from.Until, Over: from.Over}
}
