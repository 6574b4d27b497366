package inetd

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
)

// merge puts a generation into force. Sockets that are wanted as before stay open,
// with what is queued in them and the wait server that has them; those that are
// not wanted any more are closed before new ones are opened, because an address
// may have moved between all and one.
func (s *Server) merge(g *generation) Outcome {
	clear(s.streaks) // services go
	c := compare(s.services, g.services)
	old := make(map[sock.Spec]*socket, s.now.sockets)
	for _, v := range s.services {
		for k := v.first; k != nil; k = k.next {
			old[k.spec] = k
		}
	}
	var fresh []*socket
	for _, v := range g.services {
		for at := &v.first; *at != nil; at = &(*at).next {
			k := *at
			have, ok := old[k.spec]
			if !ok {
				s.formers.recall(v, k.spec)
				fresh = append(fresh, k)
				continue
			}
			delete(old, k.spec)
			*at, have.next = have, k.next
			s.hand(have, v)
			if have.fd < 0 { // whatever kept it from being opened may have been mended
				fresh = append(fresh, have)
			}
		}
	}
	s.inheritMux(g)
	goesOn := usages(g.services)
	for _, k := range old {
		s.formers.keep(k.svc, k.spec, goesOn)
		s.tellHeld(k)
		s.shut(k)
	}
	for _, v := range s.now.mux {
		s.formers.keep(v, sock.Spec{}, goesOn)
	}
	s.services, s.now = g.services, g
	s.answering = answering(g.services)
	s.starter.Crowded = len(g.services) > crowd
	for _, k := range fresh {
		s.retry(k)
	}
	s.retireRemoved()
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
		if v.first == nil {
			open++
		}
		for k := v.first; k != nil; k = k.next {
			if k.fd >= 0 {
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

// changes are the labels of services that a reload adds, changes and removes.
type changes struct {
	Added, Changed, Removed []string
	Kept                    int // services that stay as they were
}

// compare says what a reload changes. Services go by their labels, which
// several may share.
func compare(old, now []*service) (out changes) {
	before := make(map[string][]*service, len(old))
	for _, v := range old {
		before[v.label] = append(before[v.label], v)
	}
	var differ []*service
	for _, v := range now {
		if i := slices.IndexFunc(before[v.label], v.same); i >= 0 {
			before[v.label] = slices.Delete(before[v.label], i, i+1)
			out.Kept++
			continue
		}
		differ = append(differ, v)
	}
	for _, v := range differ {
		if left := before[v.label]; len(left) > 0 {
			before[v.label] = left[1:]
			out.Changed = append(out.Changed, v.label)
			continue
		}
		out.Added = append(out.Added, v.label)
	}
	for _, v := range old {
		if slices.Contains(before[v.label], v) {
			out.Removed = append(out.Removed, v.label)
		}
	}
	return out
}

// hand gives a socket to the service that has it after a reload.
func (s *Server) hand(k *socket, v *service) {
	was := k.svc.do
	if v.used == nil {
		v.used = k.svc.used
	}
	k.svc = v
	s.answers(k)
	if v.used != nil && *was.Action != *v.do.Action {
		v.used.fitness = fitness{}
	}
	if u := v.used; u != nil && u.suspended {
		l, now := v.do.Limits, time.Now()
		u.suspended = u.Starts.Full(now, l.Starts, l.Window) && !v.do.refusesFull()
		if u.suspended && l.Window != was.Limits.Window {
			s.resumeAfter(u, u.Starts.End(l.Window).Sub(now))
		}
	}
	if k.fd < 0 {
		return
	}
	if why := s.unsound(k); why != "" && k.server == 0 {
		s.reopen(k, why)
		return
	}
	if was.Options != v.do.Options {
		s.apply(k, was.Options.Tuning)
	}
	s.arm(k)
}

// apply sets the options of a service on a socket of it that is open. A wait
// server shares the socket's modes, so while one has it they are left alone. What
// sockopt asked for before is taken back.
func (s *Server) apply(k *socket, was sock.Tuning) {
	v := k.svc
	if k.server != 0 {
		s.tell(syslog.Notice, v, fmt.Sprintf("%s: process %d still has the socket", v.label, k.server), "", "; the change takes effect when it ends")
		return
	}
	if err := sock.Apply(int(k.fd), k.spec, v.do.Options); err != nil {
		s.tell(syslog.Err, v, v.label+": "+strerror.Call(err), k.spec.String(), "")
	}
	if err := sock.Retune(int(k.fd), k.spec, was, v.do.Options); err != nil {
		s.log.Errorf("%s: %s: %s", v.label, k.spec, strerror.Call(err))
	}
	sock.Listen(int(k.fd), k.spec, v.do.Options)
	if ours := s.paths[k]; ours != (sock.File{}) {
		if err := sock.Own(k.spec, v.do.Options, ours); err != nil {
			s.tell(syslog.Err, v, v.label+": "+strerror.Call(err), k.spec.String(), "")
		}
	}
}

// answers gives a datagram socket of a builtin the state of its replies.
func (s *Server) answers(k *socket) {
	delete(s.repliers, k)
	if b := k.svc.do.Builtin; b != "" && !k.spec.Listens() {
		replier, _ := builtin.Lookup(b, s.clock.Now)
		s.repliers[k] = &replier
	}
}

// open opens a socket and begins to poll it. If that is impossible it is tried
// again, less and less often.
func (s *Server) open(k *socket) {
	fd, ours, err := s.obtain(k)
	if err != nil {
		s.openFailed(k, err)
		return
	}
	s.joinGroup(k, fd)
	if _, failed := s.faults[k]; failed {
		if s.few(alike{syslog.Notice, "opened"}) {
			s.log.Noticef("%s: %s: opened", k.svc.label, k.spec)
		}
		delete(s.faults, k)
	}
	if ours != (sock.File{}) {
		s.paths[k] = ours
	}
	s.opened(k, fd)
}

// opened begins to poll a socket that has been opened.
func (s *Server) opened(k *socket, fd int) {
	k.fd = int32(fd)
	s.starter.Note(fd)
	s.answers(k)
	if fd >= len(s.sockets) {
		s.sockets = append(s.sockets, make([]*socket, fd+1-len(s.sockets))...)
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

func (s *Server) openFailed(k *socket, err error) {
	if sock.NoSuchFamily(err) {
		s.tell(syslog.Err, k.svc, k.svc.label+": this kernel has no such socket: "+strerror.Call(err), k.spec.String(), "; it will be tried again at a reload")
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
			if k.svc.do.RPC.Number != 0 {
				s.register()
			}
		}
	})
}

// retry opens a socket, which may have failed before.
func (s *Server) retry(k *socket) {
	if f := s.faults[k]; f != nil {
		f.delay = minRetry / 2
	}
	s.open(k)
}

// shut closes a socket for good.
func (s *Server) shut(k *socket) {
	k.closed = true
	delete(s.faults, k)
	delete(s.repliers, k)
	s.closeSocket(k)
}

// closeSocket closes a socket, if it is open.
func (s *Server) closeSocket(k *socket) {
	if k.fd < 0 {
		return
	}
	s.unpoll(k)
	s.sockets[k.fd] = nil
	if _, inherited := s.inherited[k.spec]; !inherited {
		sock.Close(int(k.fd), k.spec, s.paths[k])
	}
	k.fd = -1
	delete(s.paths, k)
}

// arm polls a socket if it may have clients now, and only then.
func (s *Server) arm(k *socket) {
	if k.fd < 0 || k.closed {
		return
	}
	if s.holding {
		s.unpoll(k)
		return
	}
	b := s.bound(k.svc)
	s.hold(k, b)
	if b != unbound || k.server != 0 || k.svc.used != nil && k.svc.used.suspended {
		s.unpoll(k)
		return
	}
	if k.polled {
		return
	}
	if err := s.poll.Add(int(k.fd), tagSocket, int(k.fd)); err != nil {
		s.tell(syslog.Err, k.svc, k.svc.label+": "+strerror.Call(err), k.spec.String(), "")
		return
	}
	k.polled = true
}

func (s *Server) unpoll(k *socket) {
	if k.polled {
		s.poll.Remove(int(k.fd))
		k.polled = false
	}
}

// armAll is arm for all sockets of a service.
func (s *Server) armAll(v *service) {
	for k := v.first; k != nil; k = k.next {
		s.arm(k)
	}
}
