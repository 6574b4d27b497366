// This file hands the state of the previous program to the table and to all stages, and
// keeps the gate closed until the first load is in force.

package inetd

import (
	"net/netip"
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/handover"
	"inetd/internal/plaintext"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/stream"
	"inetd/internal/succession"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// inherit takes over the state that the previous program has left.
func (s *Server) inherit(state *handover.State) (err error) {
	s.gate.Closed = true
	d := state.Daemon
	s.begun, s.loadedAt, s.loads, s.log.Connections, s.now.Known = d.Begun, d.Loaded, d.Loads, d.LogConnections, d.Known
	s.door.Sensed = d.Sensed
	h, err := succession.NewHeir(state, s.starter, s.now, s.sockets)
	if err != nil {
		return err
	}
	s.heir = h
	for u, until := range h.Suspended {
		s.gate.ResumeAfter(u, time.Until(until))
	}
	for _, t := range h.Sessions {
		s.inheritSession(t)
	}
	for _, from := range state.Children {
		if now := s.inheritChild(from, h.Process(from)); now.Kill == 0 {
			s.running.LimitTime(now)
			s.idle.Limit(now)
		}
	}
	for _, from := range state.Helpers {
		p := h.Process(from)
		p.Done = func(child.Status) {}
		s.inheritChild(from, p)
	}
	for _, from := range state.Demands {
		s.relays.Inherit(h.Service(from.Service), from)
	}
	for _, d := range state.Draining {
		s.draining.Drain(d.FD, time.Until(d.Until))
	}
	s.sockets.Resume(state.Registered)
	return nil
}

// inheritChild takes over a child of the previous program.
func (s *Server) inheritChild(from handover.Child, p *running.Process) *running.Process {
	now := s.running.Track(from.PID, p, true)
	s.stderrs.HearOn(from.Stderr, now)
	if !from.Kill.IsZero() {
		s.running.KillAt(now, from.Kill)
	}
	return now
}

// inheritSession takes over a client of a nowait datagram service.
func (s *Server) inheritSession(t *client.Session) {
	s.starter.Note(t.Conn)
	if !t.Local.IsValid() {
		return
	}
	if !s.canPutBack(t.At) {
		t.Local = netip.AddrPort{}
		return
	}
	s.sessions.Adopt(t)
}

// takeOver serves what was inherited, once the first load is in force.
func (s *Server) takeOver() {
	h := s.heir
	s.heir, s.gate.Closed = nil, false
	s.gate.ArmAll()
	s.relays.GoOn()
	for _, from := range h.State.Talks {
		v, c := h.Client(from.Client)
		s.talkLate(v, c, succession.LeftoverOf(from))
	}
	for _, from := range h.State.Clients {
		v, c := h.Client(from)
		if c.Session != nil {
			unix.Close(c.Conn) // a copy of the session's descriptor
			s.startSession(c.Session)
			continue
		}
		s.attendLate(v, c)
	}
	s.log.Noticef("inetd %s goes on for %s: %s, %s", s.cfg.Version, h.State.Process.Version,
		plaintext.Count(len(s.now.Services), "service", "services"), plaintext.Count(h.State.Servers(), "server that runs", "servers that run"))
}

// talkLate takes up a conversation of the previous program.
func (s *Server) talkLate(v *table.Service, c client.Client, left stream.Leftover) {
	if v.Do.Stays() && (v.Do.Builtin == plan.MuxName || !left.Over) {
		c.Room = s.talks.Room.Enter(v.Label, c.Source, time.Now())
	}
	if c.Room == nil {
		unix.Close(c.Conn)
		s.talks.Leave(v, c)
		return
	}
	s.talks.Resume(v, c, left)
}

// attendLate serves a client that was admitted by the previous program.
func (s *Server) attendLate(was *table.Service, c client.Client) {
	v := s.now.Successor(was)
	if v == nil {
		unix.Close(c.Conn)
		s.release(was, c.Source)
		return
	}
	c.Named = c.Named && v.Do.AsksNames
	if !s.talks.Enter(v, &c) {
		s.sendAway(v, c.Conn)
		return
	}
	s.attend(v, &c)
}

// notTaken schedules another attempt after a first load that could not be put into force.
// Nobody is served until one is.
func (s *Server) notTaken(err error) {
	s.log.Errorf("%v; clients wait until the configuration can be used, which is tried every second", err)
	s.timers.After(time.Second, func() { s.reload(nil) })
}
