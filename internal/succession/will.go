// Package succession carries what a daemon knows over to the program that replaces it in
// the same process, in an upgrade. References in memory become numbers there (package
// handover).
//
//	NewWill -> Will   in go services, sockets, processes and clients; out comes a State
//	NewHeir -> Heir   in goes a State; out come services, sockets, processes and clients
//
// The services of an Heir have no programs that could be started, as only a load can say
// what those are. They are there for a reload to replace. So whatever a reload keeps
// stays.
//
// Nothing is started, polled or closed here. All belongs to the goroutine of the event
// loop.
package succession

import (
	"iter"
	"time"

	"inetd/internal/client"
	"inetd/internal/handover"
	"inetd/internal/keep"
	"inetd/internal/running"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// Will is a State in the making. Its maps have the numbers of what is in it already.
type Will struct {
	*handover.State
	now      *table.InForce
	open     *keep.Sockets
	services map[*table.Service]int
	actions  map[*table.Action]int
	usages   map[*table.Usage]int // the number of the first service that has it
	sockets  map[*table.Socket]int
	sessions map[*client.Session]int
}

// NewWill makes a Will of the services in force and their sockets.
func NewWill(now *table.InForce, open *keep.Sockets) *Will {
	w := &Will{
		State: &handover.State{}, now: now, open: open,
		services: map[*table.Service]int{}, actions: map[*table.Action]int{}, usages: map[*table.Usage]int{},
		sockets: map[*table.Socket]int{}, sessions: map[*client.Session]int{},
	}
	for _, v := range now.Services {
		w.Services[w.Service(v)].InForce = true
		for k := v.First; k != nil; k = k.Next {
			w.socket(k)
		}
	}
	w.Sockets = append(w.Sockets, open.SavedUnused()...)
	return w
}

// Service returns the number of a service, which may be a removed one, and adds a new
// one.
func (w *Will) Service(v *table.Service) int {
	if i, ok := w.services[v]; ok {
		return i
	}
	i := len(w.Services)
	w.services[v] = i
	to := handover.Service{Label: v.Label, File: w.now.Names[v.At.File], Line: int(v.At.Line), Action: w.action(v.Do), Shares: -1}
	if u := v.Used; u != nil {
		if first, ok := w.usages[u]; ok {
			to.Shares = first
		} else {
			w.usages[u] = i
			to.Usage = u.Saved()
		}
	}
	w.Services = append(w.Services, to)
	return i
}

func (w *Will) action(do *table.Action) int {
	if i, ok := w.actions[do]; ok {
		return i
	}
	w.actions[do] = len(w.Actions)
	w.Actions = append(w.Actions, do.Saved())
	return w.actions[do]
}

func (w *Will) socket(k *table.Socket) int {
	if i, ok := w.sockets[k]; ok {
		return i
	}
	to := w.open.Saved(k, w.Service(k.Service))
	w.sockets[k] = len(w.Sockets)
	w.Sockets = append(w.Sockets, to)
	return w.sockets[k]
}

// Session returns the number of a client of a nowait datagram service, and adds a new
// one.
func (w *Will) Session(t *client.Session) int {
	if i, ok := w.sessions[t]; ok {
		return i
	}
	to := handover.Session{FD: t.Conn, Socket: w.socket(t.At), Client: t.Client, Asked: t.Asked, Local: t.Local, Taken: t.Taken}
	w.sessions[t] = len(w.Sessions)
	w.Sessions = append(w.Sessions, to)
	return w.sessions[t]
}

// Processes adds the servers that run, and the relays and servers on demand.
func (w *Will) Processes(all iter.Seq2[int, *running.Process]) {
	for pid, p := range all {
		switch {
		case pid < 0:
		case p.Done == nil:
			w.Children = append(w.Children, w.child(pid, p))
		case p.Service != nil:
			w.Helpers = append(w.Helpers, w.child(pid, p))
		}
	}
}

func (w *Will) child(pid int, p *running.Process) handover.Child {
	to := handover.Child{PID: pid, Service: w.Service(p.Service), Path: p.Program.Path(), Begun: p.Begun, Lent: -1, Queued: p.Queued, Session: -1, Kept: p.Kept, Cookie: p.Cookie, Peer: p.Client.Saved()}
	if p.Lent != nil {
		to.Lent = w.socket(p.Lent)
	}
	if p.Client.Session != nil {
		to.Session = w.Session(p.Client.Session)
	}
	if p.Stderr != nil {
		to.Stderr = p.Stderr.FD()
	}
	if p.Kill != 0 {
		to.Kill = time.Unix(0, p.Kill)
	}
	return to
}

// Client adds a client that was admitted and has no server yet. From then on its
// connection is the next program's.
func (w *Will) Client(v *table.Service, c client.Client) {
	w.Clients = append(w.Clients, w.client(v, c))
}

// Talk adds a conversation of a builtin with a client, and how far it has got. From then
// on the connection is the next program's.
func (w *Will) Talk(v *table.Service, c client.Client, left stream.Leftover) {
	w.Talks = append(w.Talks, handover.Talk{
		Client: w.client(v, c),
		Begun:  left.Begun, Got: left.Got, Unsent: left.Unsent, Until: left.Until, Over: left.Over,
	})
}

func (w *Will) client(v *table.Service, c client.Client) handover.Client {
	to := handover.Client{FD: c.Conn, Service: w.Service(v), Session: -1, Peer: c.Saved()}
	if c.Session != nil {
		to.Session = w.Session(c.Session)
	}
	return to
}

// Again adds the clients that the program before left and this one has not served yet.
func (w *Will) Again(h *Heir) {
	for _, from := range h.State.Talks {
		v, c := h.Client(from.Client)
		w.Talk(v, c, LeftoverOf(from))
	}
	for _, from := range h.State.Clients {
		v, c := h.Client(from)
		w.Client(v, c)
	}
}
