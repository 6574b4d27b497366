package handover

import (
	"fmt"
	"slices"

	"inetd/internal/sock"
)

// check returns the first thing wrong with a state: an index that refers to nothing, a
// descriptor that cannot be one, or one that two things claim.
func (s *State) check() error {
	c := checker{state: s, owned: map[int]bool{}}
	c.process()
	c.services()
	c.sockets()
	c.children()
	c.clients()
	c.demands()
	return c.err
}

// checker keeps the first error.
type checker struct {
	state *State
	owned map[int]bool // claimed so far
	err   error
}

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("the state of an inetd: "+format, args...)
	}
}

// own wants a descriptor that nothing else claims. The standard ones go over anyway.
func (c *checker) own(fd int) {
	if fd < 3 || fd >= 1<<30 || c.owned[fd] {
		c.fail("descriptor %d", fd)
	}
	c.owned[fd] = true
}

// refer wants i to be an index into n things or, if none is set, -1.
func (c *checker) refer(what string, i, n int, none bool) {
	if (i < 0 || i >= n) && !(none && i == -1) {
		c.fail("%s %d of %d", what, i, n)
	}
}

func (c *checker) process() {
	p := &c.state.Process
	for _, fd := range []int{p.PidFile, p.Control} {
		if fd != 0 {
			c.own(fd)
		}
	}
	for _, fd := range p.Askers {
		c.own(fd)
	}
}

func (c *checker) services() {
	for i, v := range c.state.Services {
		c.refer("action", v.Action, len(c.state.Actions), false)
		c.refer("usage", v.Shares, i, true)
		if v.Usage != nil && v.Usage.Limits == nil {
			c.fail("service %d without limits", i)
		}
	}
}

func (c *checker) sockets() {
	for i, k := range c.state.Sockets {
		c.refer("service", k.Service, len(c.state.Services), k.Inherited)
		switch {
		case k.FD != 0:
			c.own(k.FD)
		case k.Service < 0:
			c.fail("socket %d is neither open nor wanted", i)
		}
	}
}

func (c *checker) children() {
	s := c.state
	pids := map[int]bool{}
	for _, p := range slices.Concat(s.Children, s.Helpers) {
		c.refer("service", p.Service, len(s.Services), false)
		c.refer("socket", p.Lent, len(s.Sockets), true)
		c.refer("session", p.Session, len(s.Sessions), true)
		if p.PID < 1 || pids[p.PID] {
			c.fail("child %d", p.PID)
		}
		if c.err == nil && p.Lent >= 0 && s.Sockets[p.Lent].Service < 0 {
			c.fail("child %d has a socket of no service", p.PID)
		}
		if p.Kept != 0 {
			c.own(p.Kept)
		}
		if p.Stderr != 0 {
			c.own(p.Stderr)
		}
		pids[p.PID] = true
	}
}

func (c *checker) demands() {
	for _, d := range c.state.Demands {
		c.refer("service", d.Service, len(c.state.Services), false)
		fds := []int{d.FD, d.Words}
		if d.Server != nil {
			fds = append(fds, d.Server.Words, d.Server.Ready)
		}
		for _, fd := range fds {
			if fd != 0 {
				c.own(fd)
			}
		}
	}
}

func (c *checker) clients() {
	s := c.state
	for _, t := range s.Sessions {
		c.refer("socket", t.Socket, len(s.Sockets), false)
		if c.err == nil && s.Sockets[t.Socket].Service < 0 {
			c.fail("a session of no service")
		}
		c.own(t.FD)
	}
	for _, d := range s.Draining {
		c.own(d.FD)
	}
	for _, t := range s.Talks {
		c.refer("service", t.Service, len(s.Services), false)
		c.own(t.FD)
	}
	for _, t := range s.Clients {
		c.refer("service", t.Service, len(s.Services), false)
		c.refer("session", t.Session, len(s.Sessions), true)
		c.own(t.FD)
	}
}

// InheritedSpecs are the specs of the sockets that the service manager has opened.
func (s *State) InheritedSpecs() (list []sock.Spec) {
	for _, k := range s.Sockets {
		if k.Inherited {
			list = append(list, k.Spec)
		}
	}
	return list
}

// Descriptors are all that go over except the standard ones, in no order.
func (s *State) Descriptors() []int {
	c := checker{state: s, owned: map[int]bool{}}
	c.process()
	c.sockets()
	c.children()
	c.clients()
	c.demands()
	fds := make([]int, 0, len(c.owned))
	for fd := range c.owned {
		fds = append(fds, fd)
	}
	return fds
}
