package inetd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"inetd/internal/conf"
	"inetd/internal/idle"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/sockdiag"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// The servers that are ended when they have had nothing to do for some time (key
// idle_time). The kernel is asked who is connected to them, beside the loop, with one
// question for all.

// idleAskTime is how long the kernel may take to answer.
const idleAskTime = 10 * time.Second

// idleTimeOf is how long the servers of a service may be idle; 0: for ever.
func idleTimeOf(k *conf.Keys) time.Duration {
	if k == nil {
		return 0
	}
	return k.IdleTime
}

// cookieOf is what the kernel knows a connection by, if it will be asked about it.
func cookieOf(v *service, conn int) (cookie uint64) {
	if idleTimeOf(v.do.keys) > 0 && v.do.Mode == plan.Accept {
		cookie, _ = unix.GetsockoptUint64(conn, unix.SOL_SOCKET, unix.SO_COOKIE)
	}
	return cookie
}

// limitIdle watches a server that has just started, if it may not be idle for ever.
func (s *Server) limitIdle(pid int, p *process) {
	limit := idleTimeOf(p.svc.do.keys)
	if limit == 0 || pid <= 0 {
		return
	}
	now := time.Now()
	s.idle.Add(pid, limit, s.clientsOf(p), now)
	s.lookIdle(now.Add(limit))
}

// clientsOf is what the kernel knows the clients of a server by.
func (s *Server) clientsOf(p *process) idle.Clients {
	switch k := p.lent; {
	case p.cookie != 0:
		return idle.Clients{Cookie: p.cookie, Local: p.svc.port()}
	case k != nil && k.spec.Listens() && k.spec.Family == unix.AF_UNIX:
		return idle.Clients{Path: k.spec.Path()}
	case k != nil && k.spec.Listens():
		sock.Local(int(k.fd), &s.local) // an RPC service has no port before
		return idle.Clients{Local: s.local.AddrPort(), Dual: k.spec.Dual}
	}
	return idle.Clients{}
}

// port is an address with the port of a service; 0 is any, as of one that tcpmux hands
// out.
func (v *service) port() netip.AddrPort {
	if v.first == nil {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return v.first.spec.Addr
}

// lookIdle has the servers looked at, at a time or before it.
func (s *Server) lookIdle(at time.Time) {
	if !s.idleLook.IsZero() && !at.Before(s.idleLook) {
		return
	}
	s.idleLook = at
	s.timers.After(time.Until(at), func() {
		if s.idleLook.Equal(at) {
			s.idleLook = time.Time{}
			s.askIdle()
		}
	})
}

// askIdle looks at the datagrams that servers have taken, and asks the kernel about
// connections.
func (s *Server) askIdle() {
	s.touchDatagrams()
	if s.idleAsk.now > 0 {
		return // the answer has the next look made
	}
	tcp, port, paths := s.idle.Asks()
	var list []sockdiag.Socket
	var busy map[string]bool
	var err error
	s.beside(&s.idleAsk, idleAskTime, func(context.Context) {
		if tcp {
			list, err = connections(port)
		}
		if paths {
			var e error
			busy, e = sockdiag.UnixPaths()
			err = errors.Join(err, e)
		}
	}, func() { s.idleAnswer(list, busy, err) })
}

// connections are those of a port of this machine, or of all ports if it is 0, that
// clients have made, accepted or not.
func connections(port uint16) (all []sockdiag.Socket, err error) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, e := sockdiag.Dump(sockdiag.Query{
			Family: family, Protocol: unix.IPPROTO_TCP, Port: port, Times: true,
			States: []sockdiag.State{sockdiag.Established, sockdiag.CloseWait},
		})
		all, err = append(all, list...), errors.Join(err, e)
	}
	return all, err
}

// idleAnswer ends the servers that have been idle for too long.
func (s *Server) idleAnswer(list []sockdiag.Socket, busy map[string]bool, err error) {
	now := time.Now()
	if err != nil { // without an answer nobody is ended
		s.log.Warningf("idle_time: %s", strerror.Call(err))
	} else {
		for _, pid := range s.idle.Settle(list, busy, now) {
			s.endIdle(pid, now)
		}
	}
	if at, ok := s.idle.Due(now); ok {
		s.lookIdle(at)
	}
}

// endIdle ends a server unless a client waits for it that the kernel did not tell of.
func (s *Server) endIdle(pid int, now time.Time) {
	p := s.processes[pid]
	if p == nil || p.lent != nil && p.lent.fd >= 0 && sock.Readable(int(p.lent.fd)) {
		s.idle.Touch(pid, now)
		return
	}
	s.idle.Remove(pid)
	s.endServer(pid, p, fmt.Sprintf("been idle for %v, its idle_time,", idleTimeOf(p.svc.do.keys)), "idle_time")
}

// touchDatagrams notes when servers have last taken a datagram.
func (s *Server) touchDatagrams() {
	for pid, p := range s.processes {
		fd := -1
		switch {
		case p.svc == nil || idleTimeOf(p.svc.do.keys) == 0:
		case p.client.session != nil:
			fd = p.client.session.Conn
		case p.lent != nil && !p.lent.spec.Listens():
			fd = int(p.lent.fd)
		}
		if at := sock.Stamp(fd); fd >= 0 && at > 0 {
			s.idle.Touch(pid, time.Unix(0, at))
		}
	}
}
