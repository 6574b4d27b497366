package inetd

import (
	"time"

	"inetd/internal/drain"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The connections that come to their end: all has been sent, and the daemon waits for the
// client to close.

// keepConn returns another descriptor of a connection whose service asks for that (key
// linger), or 0. With none left the client is served like one of any other service.
func (s *Server) keepConn(v *table.Service, conn int) (kept int) {
	if v.Do.Keys == nil || v.Do.Keys.Linger == 0 || v.Do.Mode != plan.Accept {
		return 0
	}
	kept, err := unix.FcntlInt(uintptr(conn), unix.F_DUPFD_CLOEXEC, s.starter.Floor())
	if err != nil {
		s.log.Lack(v, "fcntl", err)
		return 0
	}
	s.starter.Note(kept)
	return kept
}

func closeKept(kept int) {
	if kept > 0 {
		unix.Close(kept)
	}
}

// linger drains the connection of a server that has ended, if it was kept.
func (s *Server) linger(p *running.Process) {
	if p.Kept > 0 {
		s.drain(p.Kept, p.Service.Do.Keys.Linger)
	}
}

// drain takes over a connection on which all has been sent: the client is told the
// end, and may take some time to close.
func (s *Server) drain(conn int, d time.Duration) {
	unix.Shutdown(conn, unix.SHUT_WR)
	if drain.Rest(conn, s.buffer()) {
		unix.Close(conn)
		return
	}
	conn = s.starter.Keep(conn)
	if s.poll.Add(conn, tagDrain, conn) != nil {
		unix.Close(conn)
		return
	}
	if out := s.draining.Add(conn, time.Now().Add(d)); out >= 0 {
		s.closeDrained(out)
	}
	s.timeDrain()
}

// drained reads what a client still sends, and closes the connection when that is
// over.
func (s *Server) drained(conn int) {
	if drain.Rest(conn, s.buffer()) && s.draining.Remove(conn) {
		s.closeDrained(conn)
	}
}

// closeDrained closes a connection. A child may have a copy until its exec, so closing
// alone would not take it out of the epoll set.
func (s *Server) closeDrained(conn int) {
	s.poll.Remove(conn)
	unix.Close(conn)
}

// timeDrain has the connections closed whose time has passed. One timer is enough for
// all.
func (s *Server) timeDrain() {
	_, until, ok := s.draining.First()
	if !ok || s.drainTimer {
		return
	}
	s.drainTimer = true
	s.timers.After(time.Until(until), func() {
		s.drainTimer = false
		for {
			conn, until, ok := s.draining.First()
			if !ok || time.Now().Before(until) {
				break
			}
			s.draining.Remove(conn)
			s.closeDrained(conn)
		}
		s.timeDrain()
	})
}

// closeDraining closes all of them.
func (s *Server) closeDraining() {
	for conn, _, ok := s.draining.First(); ok; conn, _, ok = s.draining.First() {
		s.draining.Remove(conn)
		s.closeDrained(conn)
	}
}
