// This file starts the server of a client, or has the client wait until a process or a
// relay has room, which only the loop knows.

package inetd

import (
	"errors"
	"slices"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/gate"
	"inetd/internal/inquiry"
	"inetd/internal/passing"
	"inetd/internal/table"
)

// delayed is a client that has been admitted but whose server cannot be started now: the
// system has no room for a process, or as many servers run as may. The client keeps its
// connection and is tried again, in order. While one waits here, no other client that
// needs a process is accepted, so few come to wait: those with an inquiry under way. A
// relay that is full makes only the clients of its own service wait.
type delayed struct {
	svc     *table.Service
	client  client.Client
	inquiry *inquiry.Inquiry // nil: none was needed
	program *child.Program
	full    bool // it waits for the relay of its service, not for a process
}

// boundByDelayed returns the bound that waiting clients put on a service.
func (s *Server) boundByDelayed(v *table.Service) gate.Bound {
	b := gate.Unbound
	for i := range s.delayed {
		switch d := &s.delayed[i]; {
		case !d.full:
			return gate.ByProcesses
		case d.svc.Used == v.Used:
			b = gate.ByService
		}
	}
	return b
}

// start starts the server of a client that has been admitted, or lets the client wait. It
// takes over the connection, and returns the process id, or 0 if there is no process yet.
func (s *Server) start(d *delayed) (pid int) {
	if do := d.svc.Do; do.Plus || do.Keys != nil {
		s.door.Welcome(d.svc, d.client.Conn)
	}
	b := s.boundByDelayed(d.svc)
	d.full = b == gate.ByService
	if b == gate.Unbound && !s.crowdedOut() {
		pid, err := s.launch(d)
		if err == nil {
			return pid
		}
		if d.full = errors.Is(err, passing.ErrFull); !d.full {
			s.log.Lack(d.svc, "fork", err)
		}
	}
	s.delayed = append(s.delayed, *d)
	s.retryDelayed()
	return 0
}

// crowdedOut reports whether the limit on servers altogether is reached.
func (s *Server) crowdedOut() bool {
	return s.cfg.Processes > 0 && s.running.Len() >= s.cfg.Processes
}

// startDelayed starts servers for the clients that wait, as far as there is room, which
// the end of a process makes. A client that waits for a relay keeps nobody else waiting.
func (s *Server) startDelayed() {
	list, n := s.delayed, 0
	s.delayed = nil
	var full []*table.Usage // of the services whose relays take no client
	for i := range list {
		d := &list[i]
		switch {
		case slices.Contains(full, d.svc.Used):
			s.delayed = append(s.delayed, *d)
			continue
		case n == perTurn || s.crowdedOut():
			s.delayed = append(s.delayed, list[i:]...)
			return
		}
		_, err := s.launch(d)
		d.full = errors.Is(err, passing.ErrFull)
		switch {
		case d.full:
			full = append(full, d.svc.Used)
			s.delayed = append(s.delayed, *d)
		case err != nil:
			s.delayed = append(s.delayed, list[i:]...)
			return
		default:
			s.gate.Unhold(d.svc.Used) // perhaps no client of it waits for a relay any more
		}
		n++
	}
}

// retryDelayed tries again every gate.RestTime while clients wait: a lack of processes may
// pass without one of the daemon's own processes ending.
func (s *Server) retryDelayed() {
	if s.retrying {
		return
	}
	s.retrying = true
	s.timers.After(gate.RestTime, func() {
		s.retrying = false
		if s.startDelayed(); len(s.delayed) > 0 {
			s.retryDelayed()
		}
	})
}
