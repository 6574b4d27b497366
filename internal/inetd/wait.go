package inetd

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// A wait server that ends without having taken what made its socket readable
// would be started again at once, for ever.
const (
	patience   = 3                      // such servers in a row before something is done about it
	briefTime  = time.Second            // one that lived longer is not suspected
	minBalking = 250 * time.Millisecond // before the next one, doubled each time
	maxBalking = 10 * time.Second
)

// queued is what can be told of the queue of a wait socket: the number of
// connections in it, or when the last datagram that was taken out of it had
// arrived. It is negative if nothing can.
func (k *socket) queued() int64 {
	if k.spec.Listens() {
		return int64(sock.Queued(int(k.fd)))
	}
	return sock.Stamp(int(k.fd))
}

// balked reports whether a wait server has ended without taking what it was
// started for, if something waits on its socket. Of Internet datagrams that is
// known. Of connections there is but their number, if anything, which need not
// get less when one is accepted; so only a server that failed at once is
// suspected, and one that ends well leaves it to the limit on starts.
func (p *process) balked(st child.Status) bool {
	k := p.lent
	switch {
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
		s.apply(k)
	}
	if s.mend(k); k.fd < 0 {
		return
	}
	waiting := pollIn(int(k.fd))
	switch {
	case st.Stage != child.Run:
		s.consume(k)
	case waiting && p.balked(st):
		delay := s.balked(k.svc, p, st)
		s.timers.After(delay, func() { s.arm(k) })
		return
	default:
		k.svc.usage().balks = 0
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
		if k.fd < 0 || k.svc.do.Mode != plan.Lend || k.svc.usage().suspended {
			s.arm(k)
			continue
		}
		s.readable(k)
	}
	s.relend = s.relend[:0]
}

// balked counts a server that has taken nothing, says so once, and drops the
// datagram if there were several. It returns the time to the next try.
func (s *Server) balked(v *service, p *process, st child.Status) time.Duration {
	u := v.usage()
	u.balks++
	limit, text := patience, "not accepted a connection, and is started less often now"
	switch {
	case p.lent == nil:
		limit, text = 1, "not read its datagram, which is dropped"
	case !p.lent.spec.Listens():
		text = "not read the datagram that waits, which is dropped"
		if u.balks >= patience {
			s.consume(p.lent)
		}
	}
	if u.balks == limit {
		s.log.Errorf("%s: %s[%d] has %s (%s)", v.label, p.svc.do.program.Path(), st.Pid, text, how(st.Wait))
	}
	return min(minBalking<<min(u.balks-1, 10), maxBalking)
}

// consume takes what made a wait socket readable.
func (s *Server) consume(k *socket) {
	if !k.spec.Listens() {
		unix.Recvfrom(int(k.fd), s.buffer(), unix.MSG_DONTWAIT)
		return
	}
	if pollIn(int(k.fd)) {
		if conn, _, err := unix.Accept4(int(k.fd), unix.SOCK_CLOEXEC); err == nil {
			unix.Close(conn)
		}
	}
}
