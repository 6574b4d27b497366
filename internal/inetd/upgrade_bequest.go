// This file collects the state that an upgrade keeps, from the table and from all stages.

package inetd

import (
	"time"

	"inetd/internal/handover"
	"inetd/internal/succession"
)

// bequest returns the state of the daemon without the clients whose connections it
// holds: those are given away only at the end.
func (s *Server) bequest() *succession.Will {
	s.idle.Resume()
	w := succession.NewWill(s.now, s.sockets)
	w.Daemon = handover.Daemon{Begun: s.begun, Loaded: s.loadedAt, Loads: s.loads, LogConnections: s.log.Connections, Known: s.now.Known, Sensed: s.door.Sensed}
	for _, t := range s.sessions.Sessions() {
		w.Session(t)
	}
	w.Processes(s.running.All())
	w.Demands = s.relays.Saved(w.Service)
	return w
}

// bequeathClients adds the clients whose connections the daemon holds.
func (s *Server) bequeathClients(w *succession.Will) {
	if s.heir != nil {
		w.Again(s.heir)
	}
	for _, d := range s.delayed {
		w.Client(d.svc, d.client)
	}
	s.inquiries.Each(w.Client)
	s.draining.Each(func(fd int, until time.Time) {
		w.Draining = append(w.Draining, handover.Draining{FD: fd, Until: until})
	})
	for _, a := range s.talks.Left() {
		w.Talk(a.Service, a.Client, a.Leftover)
	}
}
