package inetd

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/dgram"
	"inetd/internal/handover"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"
	"inetd/internal/stream"

	"golang.org/x/sys/unix"
)

// A daemon that takes the place of another one makes that one's services its own, and
// puts its first load into force as a reload: so everything stays that a reload leaves
// alone. Until then no socket is polled. These services have no programs, as only the
// load can say what is to be started.

// inheritance is what the program before has left, as long as it is not in force.
type inheritance struct {
	*handover.State
	services []*service // as State.Services
	sockets  []*socket  // as State.Sockets; nil: one that no entry asked for
	sessions []*dgramSession
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
	s.heir, s.holding = h, true
	d := state.Daemon
	s.begun, s.loadedAt, s.loads, s.cfg.LogConnections, s.now.known = d.Begun, d.Loaded, d.Loads, d.LogConnections, d.Known
	s.sensed = d.Sensed
	if err := s.inheritServices(h); err != nil {
		return err
	}
	s.inheritSockets(h)
	s.inheritChildren(h)
	for _, d := range state.Draining {
		s.drain(d.FD, time.Until(d.Until))
	}
	if len(state.Registered) > 0 {
		s.resumeRegistrar(state.Registered)
	}
	return nil
}

func (s *Server) resumeRegistrar(made []rpcbind.Binding) {
	s.registrar = registrar.Resume(s.log, rpcbind.Client{}, made)
}

func (s *Server) inheritServices(h *inheritance) error {
	actions := make([]*action, len(h.Actions))
	for i, text := range h.Actions {
		actions[i] = actionOf(text)
		var err error
		if actions[i].program, err = h.programAt(actions[i].Path); err != nil {
			return err
		}
	}
	for _, from := range h.Services {
		v := &service{label: from.Label, do: actions[from.Action]}
		v.at = s.now.placeIn(from.File, from.Line)
		switch {
		case from.Usage != nil:
			v.used = s.inheritUsage(from.Usage, v.do.Limits)
		case from.Shares >= 0:
			v.used = h.services[from.Shares].used
		}
		h.services = append(h.services, v)
		if !from.InForce {
			continue
		}
		s.services = append(s.services, v)
		if v.do.Mux {
			s.now.mux = append(s.now.mux, v)
		}
	}
	return nil
}

// actionOf makes an action, without a program, of one in the open. One that has another
// shape in this program is none that the load could find again.
func actionOf(text json.RawMessage) *action {
	saved := savedAction{Action: &plan.Action{}}
	if json.Unmarshal(text, &saved) != nil || saved.Action == nil {
		saved = savedAction{Action: &plan.Action{}}
	}
	do := &action{Action: saved.Action, keys: saved.Keys, asks: saved.Asks}
	if do.keys != nil {
		do.penalty = penaltyOf(do.Action, do.keys)
	}
	return do
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

// placeIn is a line of a file, whose name is kept.
func (g *generation) placeIn(file string, line int) place {
	i := slices.Index(g.names, file)
	if i < 0 {
		i = len(g.names)
		g.names = append(g.names, strings.Clone(file))
	}
	return place{uint32(i), uint32(line)}
}

// usageOf is the usage that another program has left.
func usageOf(from *handover.Usage) *usage {
	return &usage{
		Usage: *from.Limits, Counts: from.Counts, idleStarts: from.IdleStarts, suspended: from.Suspended,
		mended: from.Mended, altered: from.Altered, debts: from.Debts,
	}
}

func (s *Server) inheritUsage(from *handover.Usage, l limit.Limits) *usage {
	u := usageOf(from)
	if u.suspended {
		s.resumeAfter(u, time.Until(u.Starts.End(l.Window)))
	}
	return u
}

func (s *Server) inheritSockets(h *inheritance) {
	for _, from := range h.Sockets {
		if from.Inherited {
			s.inherited[from.Spec] = from.FD
			s.inheritedSpecs = append(s.inheritedSpecs, from.Spec)
			s.starter.Note(from.FD)
		}
		if from.Service < 0 {
			h.sockets = append(h.sockets, nil)
			continue
		}
		v := h.services[from.Service]
		k := &socket{spec: from.Spec, svc: v, fd: -1, closed: from.Closed}
		h.sockets = append(h.sockets, k)
		if !k.closed {
			v.add(k)
		}
		if from.FD == 0 {
			continue
		}
		if from.File != (sock.File{}) {
			s.paths[k] = from.File
		}
		s.opened(k, from.FD)
	}
}

func (s *Server) inheritChildren(h *inheritance) {
	for _, from := range h.Sessions {
		h.sessions = append(h.sessions, s.inheritSession(h, from))
	}
	for _, from := range h.Children {
		program, err := h.programAt(from.Path)
		if err != nil {
			program = h.services[from.Service].do.program
		}
		p := process{svc: h.services[from.Service], program: program, queued: from.Queued, client: clientOf(from.Peer), begun: from.Begun, cookie: from.Cookie, kept: from.Kept}
		if from.Session >= 0 {
			p.client.session = h.sessions[from.Session]
		}
		if from.Lent >= 0 {
			p.lent = h.sockets[from.Lent]
			p.lent.server = int32(from.PID)
		}
		now := s.track(from.PID, p, true)
		s.hearOn(from.Stderr, from.PID, now)
		if !from.Kill.IsZero() {
			now.kill = from.Kill.UnixNano()
			s.killAt(from.PID, now, from.Kill)
			continue
		}
		s.limitTime(from.PID, now)
		s.limitIdle(from.PID, now)
	}
}

// clientOf is a client that a server has already.
func clientOf(from handover.Peer) client {
	c := client{conn: -1, peer: from.Addr, source: from.Source, named: from.Named}
	c.cred = unix.Ucred{Pid: int32(from.PID), Uid: uint32(from.UID), Gid: uint32(from.GID)}
	if from.Proxy.IsValid() {
		c.proxied = &proxied{local: from.Local, by: from.Proxy}
	}
	return c
}

func (s *Server) inheritSession(h *inheritance, from handover.Session) *dgramSession {
	t := &dgramSession{Pair: dgram.Pair{Client: from.Client, Asked: from.Asked}, At: h.sockets[from.Socket], Conn: from.FD, Local: from.Local, Taken: from.Taken}
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
	s.heir, s.holding = nil, false
	s.armEverything()
	for _, from := range h.Talks {
		s.talkLate(h.services[from.Service], from)
	}
	for _, from := range h.Clients {
		c := clientOf(from.Peer)
		c.conn = from.FD
		if from.Session >= 0 {
			unix.Close(c.conn) // a copy of the session's
			s.startSession(h.sessions[from.Session])
			continue
		}
		s.attendLate(h.services[from.Service], c)
	}
	s.log.Noticef("inetd %s goes on for %s: %s, %s", s.cfg.Version, h.Process.Version,
		plan.Count(len(s.services), "service", "services"), plan.Count(len(h.Children), "server that runs", "servers that run"))
}

// talkLate takes up a conversation of the program before.
func (s *Server) talkLate(v *service, from handover.Talk) {
	c := clientOf(from.Peer)
	c.conn = from.FD
	if v.do.stays() && (v.do.Builtin == plan.MuxName || !from.Over) {
		c.room = s.builtins.Enter(v.label, c.source, time.Now())
	}
	if c.room == nil {
		unix.Close(c.conn)
		s.leave(v, c.source, c.room)
		return
	}
	s.talk(v, c, stream.Leftover{Begun: from.Begun, Got: from.Got, Unsent: from.Unsent, Until: from.Until, Over: from.Over})
}

// attendLate serves a client that was admitted by the program before.
func (s *Server) attendLate(was *service, c client) {
	v := s.successor(was)
	if v == nil {
		unix.Close(c.conn)
		s.release(was, c.source)
		return
	}
	c.named = c.named && v.do.asksNames
	if v.do.stays() {
		if c.room = s.builtins.Enter(v.label, c.source, time.Now()); c.room == nil {
			s.turnAway(v, c)
			return
		}
	}
	s.attend(v, c)
}

// successor is the service that has the sockets of another one now, or its name at
// tcpmux; nil if there is none.
func (s *Server) successor(was *service) *service {
	if k := was.first; k != nil {
		if k.closed {
			return nil
		}
		return k.svc
	}
	for _, v := range s.now.mux {
		if v.label == was.label {
			return v
		}
	}
	return nil
}

// notTaken tries the first load again, which could not be put into force. Nobody is
// served until it can.
func (s *Server) notTaken(err error) {
	s.log.Errorf("%v; clients wait until the configuration can be used, which is tried every second", err)
	s.timers.After(time.Second, func() { s.reload(nil) })
}
