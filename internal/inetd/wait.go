package inetd

import (
	"fmt"
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/syslog"

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

// queued returns a number that changes when a server takes something from the
// socket: how many connections are in its queue, or the time of arrival of the last
// datagram taken. It is negative where the kernel does not tell.
func (k *socket) queued() int64 {
	if k.spec.Listens() {
		return int64(sock.Queued(int(k.fd)))
	}
	return sock.Stamp(int(k.fd))
}

// tookNothing reports whether a wait server has ended without taking what it was
// started for, given that its socket is readable. For Internet datagrams the kernel
// tells. For connections there is only the length of the queue, which others may
// have joined since; so only a server that failed within a second is suspected. One
// that ends with status 0 is left to the limit on starts.
func (p *process) tookNothing(st child.Status) bool {
	k := p.lent
	switch {
	case p.kill != 0:
		return false
	case !k.spec.Listens() && p.queued >= 0:
		return k.queued() == p.queued
	case st.Wait == 0, time.Since(time.Unix(0, p.begun)) > briefTime:
		return false
	}
	return k.queued() >= p.queued
}

// takeBack makes a socket the daemon's again when its wait server has ended.
func (s *Server) takeBack(p *process, st child.Status) {
	k := p.lent
	k.server = 0
	if k.closed {
		s.vacated(k)
	}
	if k.fd < 0 {
		return
	}
	if k.svc.do.Options != p.svc.do.Options {
		s.apply(k, p.svc.do.Options.Tuning)
	}
	if s.mend(k); k.fd < 0 {
		return
	}
	waiting := sock.Readable(int(k.fd))
	switch {
	case st.Stage != child.Run:
		s.consume(k)
	case waiting && p.tookNothing(st):
		delay := s.delayRestart(k.svc, p, st)
		s.timers.After(delay, func() { s.arm(k) })
		return
	default:
		k.svc.usage().idleStarts = 0
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
		if s.holding || k.fd < 0 || k.svc.do.Mode != plan.Lend || k.svc.usage().suspended {
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
func (s *Server) delayRestart(v *service, p *process, st child.Status) time.Duration {
	u := v.usage()
	u.idleStarts++
	limit, text, advice := patience, "not accepted a connection, and is started less often now", needsNowait
	switch {
	case p.lent == nil:
		limit, text, advice = 1, "not read its datagram, which is dropped", ""
	case !p.lent.spec.Listens():
		text, advice = "not read the datagram that waits, which is dropped", ""
		if u.idleStarts >= patience {
			s.consume(p.lent)
		}
	}
	if u.idleStarts == limit {
		s.tell(syslog.Err, v, fmt.Sprintf("%s: %s[%d] has %s", v.label, p.svc.do.program.Path(), st.Pid, text), child.How(st.Wait), advice)
	}
	return min(minRestart<<min(u.idleStarts-1, 10), maxRestart)
}

// consume takes what made a wait socket readable.
func (s *Server) consume(k *socket) {
	if !k.spec.Listens() {
		unix.Recvfrom(int(k.fd), s.buffer(), unix.MSG_DONTWAIT)
		return
	}
	if sock.Readable(int(k.fd)) {
		if conn, _, err := unix.Accept4(int(k.fd), unix.SOCK_CLOEXEC); err == nil {
			unix.Close(conn)
		}
	}
}
