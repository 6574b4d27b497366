package inetd

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/passing"
	"inetd/internal/running"
	"inetd/internal/table"
)

// newRelays makes what serves the entries with the key connect: this loop's part of it.
func (s *Server) newRelays() *passing.Relays {
	return passing.New(passing.Loop{
		Starter: s.starter, Poll: s.poll, Timers: &s.timers, Relay: tagRelay, Ready: tagReady, Log: s.log,
		Start:     s.startHelper,
		Resume:    s.resumeHelper,
		Running:   func(pid int) bool { return s.running.All()[pid] != nil },
		LimitTime: func(pid int) { s.running.LimitTime(s.running.All()[pid]) },
		Beside:    s.examinations.Do,
		UserName:  s.userName,
		Release:   s.release,
		Works:     s.doctor.Works,
		Failed: func(v *table.Service, g *child.Program, st child.Status) {
			s.doctor.NotStarted(v, g, "", st)
		},
		Successor: s.successor,
	})
}

// pass has a client passed on to the place of its service.
func (s *Server) pass(v *table.Service, c client.Client) (pid int, err error) {
	return s.relays.Pass(v, passing.Client{Conn: c.Conn, Peer: c.Peer, Local: c.Local(&s.local), Source: c.Source, From: c.From()})
}

// startHelper starts a program that serves no client itself, see passing.Loop.
func (s *Server) startHelper(v *table.Service, g *child.Program, fd, stderr int, env []byte, ended func(child.Status)) (pid int, err error) {
	begun := time.Now().UnixNano()
	if pid, err = s.starter.Start(g, fd, stderr, env); err != nil {
		return 0, err
	}
	s.running.Track(pid, &running.Process{Service: v, Program: g, Begun: begun, Done: ended}, true)
	return pid, nil
}

// resumeHelper goes on with one that the program before has started.
func (s *Server) resumeHelper(pid int, ended func(child.Status)) bool {
	p := s.running.All()[pid]
	if p == nil {
		return false
	}
	p.Done = ended
	return true
}
