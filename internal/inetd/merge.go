package inetd

import (
	"fmt"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// merge puts a generation into force. Sockets that are wanted as before stay open,
// with what is queued in them and the wait server that has them; those that are
// not wanted any more are closed before new ones are opened, because an address
// may have moved between all and one.
func (s *Server) merge(g *table.Generation) Outcome {
	s.doctor.Reloaded()
	c := table.Compare(s.services, g.Services)
	before := s.now.Generation
	s.now.Generation = g // at once: log lines name places of g
	old := make(map[sock.Spec]*table.Socket, before.Sockets)
	for _, v := range s.services {
		for k := v.First; k != nil; k = k.Next {
			old[k.Spec] = k
		}
	}
	var fresh []*table.Socket
	for _, v := range g.Services {
		for at := &v.First; *at != nil; at = &(*at).Next {
			k := *at
			have, ok := old[k.Spec]
			if !ok {
				s.formers.Recall(v, k.Spec)
				fresh = append(fresh, k)
				continue
			}
			delete(old, k.Spec)
			*at, have.Next = have, k.Next
			s.hand(have, v)
			if have.FD < 0 { // whatever kept it from being opened may have been mended
				fresh = append(fresh, have)
			}
		}
	}
	s.inheritMux(before.Mux)
	goesOn := table.Usages(g.Services)
	for _, k := range old {
		s.formers.Keep(k.Service, k.Spec, goesOn)
		s.tellHeld(k)
		s.shut(k)
	}
	for _, v := range before.Mux {
		s.formers.Keep(v, sock.Spec{}, goesOn)
	}
	s.services = g.Services
	s.answering = table.Answering(g.Services)
	s.starter.Crowded = len(g.Services) > crowd
	for _, k := range fresh {
		s.retry(k)
	}
	s.relays.RetireRemoved(s.services)
	s.watchNetwork()
	s.register()
	s.tellRest()
	return Outcome{Added: c.Added, Changed: c.Changed, Removed: c.Removed, Kept: c.Kept}
}

// tellMerged logs what a load has changed.
func (s *Server) tellMerged(out Outcome) {
	s.tellNothing(out)
	if !s.ready {
		s.tellUnused()
		s.log.Noticef("serving %s", s.serving())
		return
	}
	s.log.Noticef("configuration reloaded: %s added, %d changed, %d removed, %d as before",
		plan.Count(len(out.Added), "service", "services"), len(out.Changed), len(out.Removed), out.Kept)
}

// serving says how many services clients can reach: those with an open socket,
// and those that tcpmux hands out.
func (s *Server) serving() string {
	open := 0
	for _, v := range s.services {
		if v.First == nil {
			open++
		}
		for k := v.First; k != nil; k = k.Next {
			if k.FD >= 0 {
				open++
				break
			}
		}
	}
	all := plan.Count(len(s.services), "service", "services")
	if open == len(s.services) {
		return all
	}
	return fmt.Sprintf("%d of %s", open, all)
}

// crowd is the number of services from which on it is cheaper not to copy the
// descriptor table for a child.
const crowd = 24

// hand gives a socket to the service that has it after a reload.
func (s *Server) hand(k *table.Socket, v *table.Service) {
	was := k.Service.Do
	if v.Used == nil {
		v.Used = k.Service.Used
	}
	k.Service = v
	s.answers(k)
	if v.Used != nil && *was.Action != *v.Do.Action {
		v.Used.Fitness = table.Fitness{}
	}
	if u := v.Used; u != nil && u.Halted {
		l, now := v.Do.Limits, time.Now()
		u.Halted = u.Starts.Full(now, l.Starts, l.Window) && !v.Do.RefusesFull()
		if u.Halted && l.Window != was.Limits.Window {
			s.resumeAfter(u, u.Starts.End(l.Window).Sub(now))
		}
	}
	if k.FD < 0 {
		return
	}
	if why := s.unsound(k); why != "" && k.Server == 0 {
		s.reopen(k, why)
		return
	}
	if was.Options != v.Do.Options {
		s.apply(k, was.Options.Tuning)
	}
	s.arm(k)
}

// apply sets the options of a service on a socket of it that is open. A wait
// server shares the socket's modes, so while one has it they are left alone. What
// sockopt asked for before is taken back.
func (s *Server) apply(k *table.Socket, was sock.Tuning) {
	v := k.Service
	if k.Server != 0 {
		s.log.Tell(syslog.Notice, v, fmt.Sprintf("%s: process %d still has the socket", v.Label, k.Server), "", "; the change takes effect when it ends")
		return
	}
	if err := sock.Apply(int(k.FD), k.Spec, v.Do.Options); err != nil {
		s.log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), k.Spec.String(), "")
	}
	if err := sock.Retune(int(k.FD), k.Spec, was, v.Do.Options); err != nil {
		s.log.Errorf("%s: %s: %s", v.Label, k.Spec, strerror.Call(err))
	}
	sock.Listen(int(k.FD), k.Spec, v.Do.Options)
	if ours := s.paths[k]; ours != (sock.File{}) {
		if err := sock.Own(k.Spec, v.Do.Options, ours); err != nil {
			s.log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), k.Spec.String(), "")
		}
	}
}

// answers gives a datagram socket of a builtin the state of its replies.
func (s *Server) answers(k *table.Socket) {
	delete(s.repliers, k)
	if b := k.Service.Do.Builtin; b != "" && !k.Spec.Listens() {
		replier, _ := builtin.Lookup(b, s.clock.Now)
		s.repliers[k] = &replier
	}
}

// open opens a socket and begins to poll it. If that is impossible it is tried
// again, less and less often.
func (s *Server) open(k *table.Socket) {
	fd, ours, err := s.obtain(k)
	if err != nil {
		s.openFailed(k, err)
		return
	}
	s.joinGroup(k, fd)
	if _, failed := s.faults[k]; failed {
		if s.few(alike{syslog.Notice, "opened"}) {
			s.log.Noticef("%s: %s: opened", k.Service.Label, k.Spec)
		}
		delete(s.faults, k)
	}
	if ours != (sock.File{}) {
		s.paths[k] = ours
	}
	s.opened(k, fd)
}

// opened begins to poll a socket that has been opened.
func (s *Server) opened(k *table.Socket, fd int) {
	k.FD = int32(fd)
	s.starter.Note(fd)
	s.answers(k)
	if fd >= len(s.sockets) {
		s.sockets = append(s.sockets, make([]*table.Socket, fd+1-len(s.sockets))...)
	}
	s.sockets[fd] = k
	s.arm(k)
}

// fault is why a socket could not be opened.
type fault struct {
	err   error
	delay time.Duration // until the next try
}

// The time between attempts to open a socket.
const (
	minRetry = time.Second
	maxRetry = time.Minute
)

func (s *Server) openFailed(k *table.Socket, err error) {
	if sock.NoSuchFamily(err) {
		s.log.Tell(syslog.Err, k.Service, k.Service.Label+": this kernel has no such socket: "+strerror.Call(err), k.Spec.String(), "; it will be tried again at a reload")
		s.faults[k] = &fault{err: err}
		return
	}
	before := s.faults[k]
	cause := strerror.Call(err)
	if (before == nil || strerror.Call(before.err) != cause) && s.few(alike{syslog.Err, cause + "; they will be tried again"}) {
		s.tellClosed(k, err)
	}
	delay := minRetry
	if before != nil {
		delay = min(2*before.delay, maxRetry)
	}
	f := &fault{err, delay}
	s.faults[k] = f
	s.timers.After(delay, func() {
		if s.faults[k] == f {
			s.open(k)
			if k.Service.Do.RPC.Number != 0 {
				s.register()
			}
		}
	})
}

// retry opens a socket, which may have failed before.
func (s *Server) retry(k *table.Socket) {
	if f := s.faults[k]; f != nil {
		f.delay = minRetry / 2
	}
	s.open(k)
}

// shut closes a socket for good.
func (s *Server) shut(k *table.Socket) {
	k.Closed = true
	delete(s.faults, k)
	delete(s.repliers, k)
	s.closeSocket(k)
}

// closeSocket closes a socket, if it is open.
func (s *Server) closeSocket(k *table.Socket) {
	if k.FD < 0 {
		return
	}
	s.unpoll(k)
	s.sockets[k.FD] = nil
	if _, inherited := s.inherited[k.Spec]; !inherited {
		sock.Close(int(k.FD), k.Spec, s.paths[k])
	}
	k.FD = -1
	delete(s.paths, k)
}

// arm polls a socket if it may have clients now, and only then.
func (s *Server) arm(k *table.Socket) {
	if k.FD < 0 || k.Closed {
		return
	}
	if s.holding {
		s.unpoll(k)
		return
	}
	b := s.bound(k.Service)
	s.hold(k, b)
	if b != unbound || k.Server != 0 || k.Service.Used != nil && k.Service.Used.Halted {
		s.unpoll(k)
		return
	}
	if k.Polled {
		return
	}
	if err := s.poll.Add(int(k.FD), tagSocket, int(k.FD)); err != nil {
		s.log.Tell(syslog.Err, k.Service, k.Service.Label+": "+strerror.Call(err), k.Spec.String(), "")
		return
	}
	k.Polled = true
}

func (s *Server) unpoll(k *table.Socket) {
	if k.Polled {
		s.poll.Remove(int(k.FD))
		k.Polled = false
	}
}

// armAll is arm for all sockets of a service.
func (s *Server) armAll(v *table.Service) {
	for k := v.First; k != nil; k = k.Next {
		s.arm(k)
	}
}
