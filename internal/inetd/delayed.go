package inetd

import (
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/gate"
	"inetd/internal/inquiry"
	"inetd/internal/table"
)

// delayed is a client that has been admitted and whose server cannot be started
// now: the system has no room for a process, or as many run as may. It keeps its
// connection and is tried again, in its order. While anybody waits here no other
// client is accepted that needs a process, so few can come to wait: those about
// whom something was being found out.
type delayed struct {
	svc     *table.Service
	client  client.Client
	inquiry *inquiry.Inquiry // nil: none was needed
	program *child.Program
}

// start starts the server of a client that has been admitted, or has it wait. It
// takes over the connection, and returns the process, 0 if there is none yet.
func (s *Server) start(d *delayed) (pid int) {
	if do := d.svc.Do; do.Plus || do.Keys != nil {
		s.door.Welcome(d.svc, d.client.Conn)
	}
	if len(s.delayed) == 0 && !s.crowdedOut() {
		pid, err := s.launch(d)
		if err == nil {
			return pid
		}
		s.log.Lack(d.svc, "fork", err)
	}
	s.delayed = append(s.delayed, *d)
	s.retryDelayed()
	return 0
}

// crowdedOut reports whether as many servers run as may altogether.
func (s *Server) crowdedOut() bool {
	return s.cfg.Processes > 0 && len(s.running.All()) >= s.cfg.Processes
}

// startDelayed starts servers for the clients that wait, as far as there is room.
// The end of a process makes some.
func (s *Server) startDelayed() {
	n := 0
	for ; n < len(s.delayed) && n < perTurn && !s.crowdedOut(); n++ {
		if _, err := s.launch(&s.delayed[n]); err != nil {
			break
		}
	}
	clear(s.delayed[:n])
	if s.delayed = s.delayed[n:]; len(s.delayed) == 0 {
		s.delayed = nil
	}
}

// retryDelayed tries again every gate.RestTime while clients wait: what made no process
// possible may be over without any end of ours.
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
