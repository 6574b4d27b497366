package inetd

import (
	"fmt"
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Without a delay, a wait server that ends without having accepted or read anything
// would be started again in a tight loop.
const (
	patience   = 3                      // such servers in a row before something is done about it
	briefTime  = time.Second            // one that lived longer is not suspected
	minRestart = 250 * time.Millisecond // before the next one, doubled each time
	maxRestart = 10 * time.Second
)

// tookNothing reports whether a wait server has ended without taking what it was
// started for, given that its socket is readable. For Internet datagrams the kernel
// tells. For connections there is only the length of the queue, which others may
// have joined since; so only a server that failed within a second is suspected. One
// that ends with status 0 is left to the limit on starts.
func tookNothing(p *running.Process, st child.Status) bool {
	k := p.Lent
	switch {
	case p.Kill != 0:
		return false
	case !k.Spec.Listens() && p.Queued >= 0:
		return k.Queued() == p.Queued
	case st.Wait == 0, time.Since(time.Unix(0, p.Begun)) > briefTime:
		return false
	}
	return k.Queued() >= p.Queued
}

// takeBack makes a socket the daemon's again when its wait server has ended.
func (s *Server) takeBack(p *running.Process, st child.Status) {
	k := p.Lent
	k.Server = 0
	if k.Closed {
		s.vacated(k)
	}
	if k.FD < 0 {
		return
	}
	if k.Service.Do.Options != p.Service.Do.Options {
		s.apply(k, p.Service.Do.Options.Tuning)
	}
	if s.mend(k); k.FD < 0 {
		return
	}
	waiting := sock.Readable(int(k.FD))
	switch {
	case st.Stage != child.Run:
		s.consume(k)
	case waiting && tookNothing(p, st):
		delay := s.delayRestart(k.Service, p, st)
		s.timers.After(delay, func() { s.arm(k) })
		return
	default:
		k.Service.Usage().IdleStarts = 0
		if waiting {
			s.relend = append(s.relend, k)
			return
		}
	}
	s.arm(k)
}

// lendAgain starts the next servers for the sockets that have come back with
// something waiting on them: polling them would only tell this once more.
func (s *Server) lendAgain() {
	for _, k := range s.relend {
		if s.holding || k.FD < 0 || k.Service.Do.Mode != plan.Lend || k.Service.Usage().Halted {
			s.arm(k)
			continue
		}
		s.readable(k)
	}
	s.relend = s.relend[:0]
}

// needsNowait is advice on a stream service whose servers take no connection.
const needsNowait = "; if it serves its standard input, and accepts no connection itself, it needs nowait"

// delayRestart counts a server that has taken nothing and returns the time until the
// next may be started. The third in a row is logged, and loses its datagram; a server
// that was started for one client is logged at once.
func (s *Server) delayRestart(v *table.Service, p *running.Process, st child.Status) time.Duration {
	u := v.Usage()
	u.IdleStarts++
	limit, text, advice := patience, "not accepted a connection, and is started less often now", needsNowait
	switch {
	case p.Lent == nil:
		limit, text, advice = 1, "not read its datagram, which is dropped", ""
	case !p.Lent.Spec.Listens():
		text, advice = "not read the datagram that waits, which is dropped", ""
		if u.IdleStarts >= patience {
			s.consume(p.Lent)
		}
	}
	if u.IdleStarts == limit {
		s.log.Tell(syslog.Err, v, fmt.Sprintf("%s: %s[%d] has %s", v.Label, p.Service.Do.Program.Path(), st.Pid, text), child.How(st.Wait), advice)
	}
	return min(minRestart<<min(u.IdleStarts-1, 10), maxRestart)
}

// consume takes what made a wait socket readable.
func (s *Server) consume(k *table.Socket) {
	if !k.Spec.Listens() {
		unix.Recvfrom(int(k.FD), s.buffer(), unix.MSG_DONTWAIT)
		return
	}
	if sock.Readable(int(k.FD)) {
		if conn, _, err := unix.Accept4(int(k.FD), unix.SOCK_CLOEXEC); err == nil {
			unix.Close(conn)
		}
	}
}
