package inetd

import (
	"net/netip"
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/dgram"
	"inetd/internal/handover"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/stream"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A daemon that takes the place of another one makes that one's services its own, and
// puts its first load into force as a reload: so everything stays that a reload leaves
// alone. Until then no socket is polled. These services have no programs, as only the
// load can say what is to be started.

// inheritance is what the program before has left, as long as it is not in force.
type inheritance struct {
	*handover.State
	services []*table.Service // as State.Services
	sockets  []*table.Socket  // as State.Sockets; nil: one that no entry asked for
	sessions []*client.Session
	program  map[string]*child.Program
	profile  *child.Profile
}

// inherit makes the state that another program has left that of this daemon.
func (s *Server) inherit(state *handover.State) error {
	profile, err := s.starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		return err
	}
	h := &inheritance{State: state, profile: profile, program: map[string]*child.Program{}}
	s.heir, s.gate.Closed = h, true
	d := state.Daemon
	s.begun, s.loadedAt, s.loads, s.log.Connections, s.now.Known = d.Begun, d.Loaded, d.Loads, d.LogConnections, d.Known
	s.door.Sensed = d.Sensed
	if err := s.inheritServices(h); err != nil {
		return err
	}
	s.inheritSockets(h)
	s.inheritChildren(h)
	for _, d := range state.Draining {
		s.draining.Drain(d.FD, time.Until(d.Until))
	}
	s.sockets.Resume(state.Registered)
	return nil
}

func (s *Server) inheritServices(h *inheritance) error {
	actions := make([]*table.Action, len(h.Actions))
	for i, text := range h.Actions {
		actions[i] = table.ActionOf(text)
		var err error
		if actions[i].Program, err = h.programAt(actions[i].Path); err != nil {
			return err
		}
	}
	for _, from := range h.Services {
		v := &table.Service{Label: from.Label, Do: actions[from.Action]}
		v.At = s.now.PlaceIn(from.File, from.Line)
		switch {
		case from.Usage != nil:
			v.Used = s.inheritUsage(from.Usage, v.Do.Limits)
		case from.Shares >= 0:
			v.Used = h.services[from.Shares].Used
		}
		h.services = append(h.services, v)
		if !from.InForce {
			continue
		}
		s.now.Services = append(s.now.Services, v)
		if v.Do.Mux {
			s.now.Mux = append(s.now.Mux, v)
		}
	}
	return nil
}

// programAt is a program that has a name for log lines, and is not to be started.
func (h *inheritance) programAt(path string) (*child.Program, error) {
	if p := h.program[path]; p != nil {
		return p, nil
	}
	p, err := h.profile.Program(path, nil)
	h.program[path] = p
	return p, err
}

func (s *Server) inheritUsage(from *handover.Usage, l limit.Limits) *table.Usage {
	u := table.UsageOf(from)
	if u.Halted {
		s.gate.ResumeAfter(u, time.Until(u.Starts.End(l.Window)))
	}
	return u
}

func (s *Server) inheritSockets(h *inheritance) {
	for _, from := range h.Sockets {
		var v *table.Service
		if from.Service >= 0 {
			v = h.services[from.Service]
		}
		h.sockets = append(h.sockets, s.sockets.Inherit(from, v))
	}
}

func (s *Server) inheritChildren(h *inheritance) {
	for _, from := range h.Sessions {
		h.sessions = append(h.sessions, s.inheritSession(h, from))
	}
	for _, from := range h.Children {
		if now := s.inheritChild(h, from, running.Process{}); now.Kill == 0 {
			s.running.LimitTime(now)
			s.idle.Limit(now)
		}
	}
	for _, from := range h.Helpers {
		s.inheritChild(h, from, running.Process{Done: func(child.Status) {}})
	}
	for _, from := range h.Demands {
		s.relays.Inherit(h.services[from.Service], from)
	}
}

// inheritChild makes a child of the program before one of this. p is what else is known.
func (s *Server) inheritChild(h *inheritance, from handover.Child, p running.Process) *running.Process {
	p.Service, p.Queued, p.Client, p.Begun, p.Cookie, p.Kept = h.services[from.Service], from.Queued, client.Of(from.Peer), from.Begun, from.Cookie, from.Kept
	var err error
	if p.Program, err = h.programAt(from.Path); err != nil {
		p.Program = p.Service.Do.Program
	}
	if from.Session >= 0 {
		p.Client.Session = h.sessions[from.Session]
	}
	if from.Lent >= 0 {
		p.Lent = h.sockets[from.Lent]
		p.Lent.Server = int32(from.PID)
	}
	now := s.running.Track(from.PID, &p, true)
	s.stderrs.HearOn(from.Stderr, now)
	if !from.Kill.IsZero() {
		s.running.KillAt(now, from.Kill)
	}
	return now
}

func (s *Server) inheritSession(h *inheritance, from handover.Session) *client.Session {
	t := &client.Session{Pair: dgram.Pair{Client: from.Client, Asked: from.Asked}, At: h.sockets[from.Socket], Conn: from.FD, Local: from.Local, Taken: from.Taken}
	s.starter.Note(t.Conn)
	if !t.Local.IsValid() {
		return t
	}
	if !s.canPutBack(t.At) {
		t.Local = netip.AddrPort{}
		return t
	}
	s.sessions.Adopt(t)
	return t
}

// takeOver serves what was inherited, once the first load is in force.
func (s *Server) takeOver() {
	h := s.heir
	s.heir, s.gate.Closed = nil, false
	s.gate.ArmAll()
	s.relays.GoOn()
	for _, from := range h.Talks {
		s.talkLate(h.services[from.Service], from)
	}
	for _, from := range h.Clients {
		c := client.Of(from.Peer)
		c.Conn = from.FD
		if from.Session >= 0 {
			unix.Close(c.Conn) // a copy of the session's
			s.startSession(h.sessions[from.Session])
			continue
		}
		s.attendLate(h.services[from.Service], c)
	}
	s.log.Noticef("inetd %s goes on for %s: %s, %s", s.cfg.Version, h.Process.Version,
		plan.Count(len(s.now.Services), "service", "services"), plan.Count(len(h.Children), "server that runs", "servers that run"))
}

// talkLate takes up a conversation of the program before.
func (s *Server) talkLate(v *table.Service, from handover.Talk) {
	c := client.Of(from.Peer)
	c.Conn = from.FD
	if v.Do.Stays() && (v.Do.Builtin == plan.MuxName || !from.Over) {
		c.Room = s.talks.Room.Enter(v.Label, c.Source, time.Now())
	}
	if c.Room == nil {
		unix.Close(c.Conn)
		s.talks.Leave(v, c)
		return
	}
	s.talks.Resume(v, c, stream.Leftover{Begun: from.Begun, Got: from.Got, Unsent: from.Unsent, Until: from.Until, Over: from.Over})
}

// attendLate serves a client that was admitted by the program before.
func (s *Server) attendLate(was *table.Service, c client.Client) {
	v := s.now.Successor(was)
	if v == nil {
		unix.Close(c.Conn)
		s.release(was, c.Source)
		return
	}
	c.Named = c.Named && v.Do.AsksNames
	if v.Do.Stays() {
		if c.Room = s.talks.Room.Enter(v.Label, c.Source, time.Now()); c.Room == nil {
			s.turnAway(v, c)
			return
		}
	}
	s.attend(v, c)
}

// notTaken tries the first load again, which could not be put into force. Nobody is
// served until it can.
func (s *Server) notTaken(err error) {
	s.log.Errorf("%v; clients wait until the configuration can be used, which is tried every second", err)
	s.timers.After(time.Second, func() { s.reload(nil) })
}
