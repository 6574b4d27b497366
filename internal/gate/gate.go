// Package gate decides which open sockets the event loop polls. In go the reasons to hold
// a service back, and their ends; out come changes of the epoll set. A client of a socket
// that is not polled is not turned away: it waits in the socket's queue.
//
//	a limit on what runs at once      Bound, Rearm   held.go
//	too many starts in a window       MayStart       suspend.go
//	the system is short of something  Rest           rest.go
//	nobody is to be served now        Closed         gate.go
//
// It belongs to the goroutine of the event loop. It allocates nothing for a client whose
// service is not held back.
package gate

import (
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Loop is what a Gate needs of the event loop.
type Loop struct {
	Poll   *loop.Poll
	Tag    loop.Tag // of sockets in Poll; the number beside it is the descriptor
	Timers *loop.Timers
	Log    *logbook.Book
	Now    *table.InForce

	// Bound returns the limit on what runs at once that a service has reached.
	Bound func(*table.Service) Bound
}

// Gate decides which sockets are polled.
type Gate struct {
	Closed bool // no socket is to be polled; a change takes effect with ArmAll

	loop     Loop
	held     held
	awaiting bool // awaitRoom has set a timer
}

// New returns an open Gate for an event loop.
func New(l Loop) *Gate {
	return &Gate{loop: l, held: held{own: map[*table.Usage][]*table.Socket{}}}
}

// Arm begins to poll a socket if its service may have a further client now, and stops
// polling it if not.
func (g *Gate) Arm(k *table.Socket) {
	if k.FD < 0 || k.Closed {
		return
	}
	if g.Closed {
		g.Disarm(k)
		return
	}
	b := g.loop.Bound(k.Service)
	g.hold(k, b)
	if b != Unbound || k.Server != 0 || k.Service.Used != nil && k.Service.Used.Halted {
		g.Disarm(k)
		return
	}
	if k.Polled {
		return
	}
	if err := g.loop.Poll.Add(int(k.FD), g.loop.Tag, int(k.FD)); err != nil {
		g.loop.Log.Tell(syslog.Err, k.Service, k.Service.Label+": "+strerror.Call(err), k.Spec.String(), "")
		return
	}
	k.Polled = true
}

// Disarm stops polling a socket.
func (g *Gate) Disarm(k *table.Socket) {
	if k.Polled {
		g.loop.Poll.Remove(int(k.FD))
		k.Polled = false
	}
}

// ArmService calls Arm for all sockets of a service.
func (g *Gate) ArmService(v *table.Service) {
	for k := v.First; k != nil; k = k.Next {
		g.Arm(k)
	}
}

// ArmAll calls Arm for the sockets of all services.
func (g *Gate) ArmAll() {
	for _, v := range g.loop.Now.Services {
		g.ArmService(v)
	}
}
