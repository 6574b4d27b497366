package inetd

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// client is somebody who is to be served: a connection, which whoever has the
// client owns, and who is at its other end.
type client struct {
	conn int
	peer netip.AddrPort // Internet clients
	cred unix.Ucred     // of a unix socket's client; Pid is 0 for others
	talk *talk          // of a datagram client
}

// readable serves what has come in on a socket.
func (s *Server) readable(k *socket) {
	s.refreshAccounts()
	do := k.svc.do
	switch {
	case k.spec.Listens() && (!do.wait || do.builtin != ""):
		s.accept(k)
	case do.builtin != "":
		s.answer(k)
	case do.options.Connect:
		s.receive(k)
	default:
		s.lend(k)
	}
}

// accept takes one connection and serves it. If there are more, the socket is
// still readable when the others have had their turn.
func (s *Server) accept(k *socket) {
	v := k.svc
	if !s.mayStart(v) {
		return
	}
	conn, err := sock.Accept(int(k.fd), &s.peer)
	if err != nil {
		s.acceptFailed(k, err)
		return
	}
	c := client{conn: conn, peer: s.peer.AddrPort()}
	if k.spec.Family == unix.AF_UNIX {
		c.cred = sock.Credentials(conn)
	}
	if !s.admit(v, c.peer.Addr()) {
		unix.Close(conn)
		return
	}
	if err := s.attend(v, c); err != nil {
		s.rest(k, "fork", err)
	}
}

// mayStart asks the limits that hold for all clients of a service together.
// When one is reached the service's sockets are not polled for a while: new
// clients wait in the listen queue and nobody is turned away.
func (s *Server) mayStart(v *service) bool {
	if s.full(v) {
		s.armAll(v)
		return false
	}
	if v.do.builtin != "" {
		return true
	}
	now := time.Now()
	if u := v.usage(); u.Starts.Full(now, v.do.limits.Starts) {
		s.suspend(v, now)
		return false
	}
	return true
}

// full reports whether as many servers run as may at once.
func (s *Server) full(v *service) bool {
	if s.inquiries >= maxInquiries && s.inquires(v.do) {
		return true
	}
	if v.do.builtin != "" {
		return v.do.listens && s.busy >= maxBusy
	}
	if s.cfg.Processes > 0 && len(s.processes) >= s.cfg.Processes {
		return true
	}
	return v.used != nil && v.used.Full(v.do.limits)
}

// suspend stops polling a service until its window has passed.
func (s *Server) suspend(v *service, now time.Time) {
	u := v.usage()
	resume := u.Starts.End()
	u.suspended = true
	s.armAll(v)
	clients := "wait"
	if v.do.mux {
		clients = "are turned away"
	}
	s.log.Errorf("%s: server failing (looping), service suspended: %d starts in %d s, the limit; clients %s until %s",
		v.label, u.Starts.Count, int(limit.Interval/time.Second), clients, resume.Format(time.TimeOnly))
	s.after(resume.Sub(now), func() {
		u.suspended = false
		for _, w := range s.services { // a reload may have made a new one
			if w.used == u {
				s.armAll(w)
			}
		}
	})
}

// admit applies the limits of one source address, which come first so that one
// client cannot use up a service, and counts the start.
func (s *Server) admit(v *service, peer netip.Addr) bool {
	if v.do.builtin != "" {
		return true
	}
	r := v.usage().Admit(time.Now(), limit.Address(peer), v.do.limits)
	if r.First {
		s.log.Errorf("%s from %s exceeded %s (limit %d)", v.label, peer, r.Why, r.Limit)
	}
	return r.Why == ""
}

// acceptFailed handles an error of accept. One that belongs to a connection
// which is gone is no news.
func (s *Server) acceptFailed(k *socket, err error) {
	switch {
	case exhausted(err):
		s.rest(k, "accept", err)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED), isNetworkError(err):
	default:
		s.log.Warningf("%s: accept: %s", k.svc.label, strerror.Call(err))
	}
}

// exhausted reports errors that say that the system has run out of something.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// isNetworkError reports errors that the connection had before it was accepted;
// Linux hands them over with accept (accept(2), "Error handling").
func isNetworkError(err error) bool {
	for _, e := range []syscall.Errno{unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH} {
		if err == e {
			return true
		}
	}
	return false
}

// restTime is how long a socket is not polled after the system ran out of
// something.
const restTime = 250 * time.Millisecond

// rest stops polling a socket for a moment: it stays readable, so that the loop
// would spin. It is logged once a minute.
func (s *Server) rest(k *socket, what string, err error) {
	s.lack(k.svc, what, err)
	s.unpoll(k)
	s.after(restTime, func() { s.arm(k) })
}

// lack logs, once a minute, that the system has run out of something.
func (s *Server) lack(v *service, what string, err error) {
	if now := time.Now(); now.Sub(s.starved) > time.Minute {
		s.starved = now
		s.log.Errorf("%s: %s: %s; trying again", v.label, what, strerror.Call(err))
	}
}

// start runs the server of a nowait service for a client that has been
// admitted. It takes over the connection.
func (s *Server) start(v *service, c client) error {
	s.env = s.clientEnv(s.env[:0], v, c)
	_, err := s.launch(v, c, v.do.program)
	return err
}

// launch starts a program for a client, with s.env.
func (s *Server) launch(v *service, c client, g *child.Program) (pid int, err error) {
	v.welcome(c)
	pid, err = s.starter.Start(g, c.conn, s.env)
	if err != nil {
		s.release(v, c.peer.Addr())
		return 0, err
	}
	prompt := c.talk != nil || v.do.limits.Counts() || s.cfg.LogConnections || s.cfg.Processes > 0
	p := process{svc: v, program: g, client: c, begun: time.Now().UnixNano()}
	s.logStart(s.track(pid, p, prompt), pid)
	return pid, nil
}

// clientEnv appends what a server is told of its client.
func (s *Server) clientEnv(b []byte, v *service, c client) []byte {
	b = appendVar(b, "PROTO", v.do.proto)
	if c.cred.Pid != 0 {
		return appendCred(b, &c.cred)
	}
	if !c.peer.IsValid() || sock.Local(c.conn, &s.local) != nil {
		return b
	}
	return appendEnds(b, s.local.AddrPort(), c.peer)
}

// from says in a log line where a client comes from.
func (c *client) from() string {
	switch {
	case c.cred.Pid != 0:
		return fmt.Sprintf(" from uid %d, process %d", c.cred.Uid, c.cred.Pid)
	case c.peer.IsValid():
		return " from " + c.peer.String()
	}
	return ""
}

// lend gives the socket itself to a wait server. Until that has ended nobody
// else looks at it.
func (s *Server) lend(k *socket) {
	v := k.svc
	if !s.mayStart(v) || !s.admit(v, netip.Addr{}) {
		return
	}
	queued := k.queued()
	s.env = appendVar(s.env[:0], "PROTO", v.do.proto)
	if v.do.listen {
		s.env = appendListen(s.env, v.label)
	}
	pid, err := s.starter.Lend(v.do.program, int(k.fd), s.env)
	if err != nil {
		s.release(v, netip.Addr{})
		s.rest(k, "fork", err)
		return
	}
	k.server = int32(pid)
	s.unpoll(k)
	p := process{svc: v, program: v.do.program, lent: k, queued: queued, begun: time.Now().UnixNano()}
	s.logStart(s.track(pid, p, true), pid)
}

// release takes back what admit counted.
func (s *Server) release(v *service, peer netip.Addr) {
	v.usage().Release(limit.Address(peer))
}
