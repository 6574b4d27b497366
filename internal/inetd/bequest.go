package inetd

import (
	"time"

	"inetd/internal/client"
	"inetd/internal/handover"
	"inetd/internal/running"
	"inetd/internal/table"
)

// bequest is a state in the making: what is in it already has a number.
type bequest struct {
	*handover.State
	from     *Server
	services map[*table.Service]int
	actions  map[*table.Action]int
	usages   map[*table.Usage]int
	sockets  map[*table.Socket]int
	sessions map[*client.Session]int
}

// bequest is the state of the daemon but for the clients of which it has the
// connection: those are given away only at the end.
func (s *Server) bequest() *bequest {
	s.idle.Resume()
	b := &bequest{State: &handover.State{}, from: s,
		services: map[*table.Service]int{}, actions: map[*table.Action]int{}, usages: map[*table.Usage]int{}, sockets: map[*table.Socket]int{}, sessions: map[*client.Session]int{},
	}
	b.Daemon = handover.Daemon{Begun: s.begun, Loaded: s.loadedAt, Loads: s.loads, LogConnections: s.log.Connections, Known: s.now.Known, Sensed: s.door.Sensed}
	for _, v := range s.now.Services {
		b.Services[b.service(v)].InForce = true
		for k := v.First; k != nil; k = k.Next {
			b.socket(k)
		}
	}
	b.Sockets = append(b.Sockets, s.sockets.SavedUnused()...)
	for _, t := range s.sessions.Sessions() {
		b.session(t)
	}
	for pid, p := range s.running.All() {
		switch {
		case pid < 0:
		case p.Done == nil:
			b.Children = append(b.Children, b.child(pid, p))
		case p.Service != nil:
			b.Helpers = append(b.Helpers, b.child(pid, p))
		}
	}
	b.Demands = s.relays.Saved(b.service)
	return b
}

// service returns the number of a service.
func (b *bequest) service(v *table.Service) int {
	if i, ok := b.services[v]; ok {
		return i
	}
	i := len(b.Services)
	b.services[v] = i
	to := handover.Service{Label: v.Label, File: b.from.now.Names[v.At.File], Line: int(v.At.Line), Action: b.action(v.Do), Shares: -1}
	if u := v.Used; u != nil {
		if first, ok := b.usages[u]; ok {
			to.Shares = first
		} else {
			b.usages[u] = i
			to.Usage = u.Saved()
		}
	}
	b.Services = append(b.Services, to)
	return i
}

func (b *bequest) action(do *table.Action) int {
	if i, ok := b.actions[do]; ok {
		return i
	}
	b.actions[do] = len(b.Actions)
	b.Actions = append(b.Actions, do.Saved())
	return b.actions[do]
}

func (b *bequest) socket(k *table.Socket) int {
	if i, ok := b.sockets[k]; ok {
		return i
	}
	to := b.from.sockets.Saved(k, b.service(k.Service))
	b.sockets[k] = len(b.Sockets)
	b.Sockets = append(b.Sockets, to)
	return b.sockets[k]
}

func (b *bequest) session(t *client.Session) int {
	if i, ok := b.sessions[t]; ok {
		return i
	}
	to := handover.Session{FD: t.Conn, Socket: b.socket(t.At), Client: t.Client, Asked: t.Asked, Local: t.Local, Taken: t.Taken}
	b.sessions[t] = len(b.Sessions)
	b.Sessions = append(b.Sessions, to)
	return b.sessions[t]
}

func (b *bequest) child(pid int, p *running.Process) handover.Child {
	to := handover.Child{PID: pid, Service: b.service(p.Service), Path: p.Program.Path(), Begun: p.Begun, Lent: -1, Queued: p.Queued, Session: -1, Kept: p.Kept, Cookie: p.Cookie, Peer: p.Client.Saved()}
	if p.Lent != nil {
		to.Lent = b.socket(p.Lent)
	}
	if p.Client.Session != nil {
		to.Session = b.session(p.Client.Session)
	}
	if p.Stderr != nil {
		to.Stderr = p.Stderr.FD()
	}
	if p.Kill != 0 {
		to.Kill = time.Unix(0, p.Kill)
	}
	return to
}

// bequeathClients gives away the clients of which the daemon has the connection.
func (s *Server) bequeathClients(b *bequest) {
	if s.heir != nil {
		b.again(s.heir)
	}
	for _, d := range s.delayed {
		b.Clients = append(b.Clients, b.client(d.svc, d.client))
	}
	s.inquiries.Each(func(v *table.Service, c client.Client) {
		b.Clients = append(b.Clients, b.client(v, c))
	})
	s.draining.Each(func(fd int, until time.Time) {
		b.Draining = append(b.Draining, handover.Draining{FD: fd, Until: until})
	})
	for _, a := range s.talks.Left() {
		b.Talks = append(b.Talks, handover.Talk{
			Client: b.client(a.Service, a.Client),
			Begun:  a.Begun, Got: a.Got, Unsent: a.Unsent, Until: a.Until, Over: a.Over,
		})
	}
}

func (b *bequest) client(v *table.Service, c client.Client) handover.Client {
	to := handover.Client{FD: c.Conn, Service: b.service(v), Session: -1, Peer: c.Saved()}
	if c.Session != nil {
		to.Session = b.session(c.Session)
	}
	return to
}

// again gives away what the program before has left, and this one has not served yet.
func (b *bequest) again(h *inheritance) {
	again := func(c handover.Client) handover.Client {
		c.Service = b.service(h.services[c.Service])
		if c.Session >= 0 {
			c.Session = b.session(h.sessions[c.Session])
		}
		return c
	}
	for _, t := range h.Talks {
		t.Client = again(t.Client)
		b.Talks = append(b.Talks, t)
	}
	for _, c := range h.Clients {
		b.Clients = append(b.Clients, again(c))
	}
}
