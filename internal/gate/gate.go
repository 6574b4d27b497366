// Package gate says which open sockets the event loop polls. In goes what holds a
// service back and what does so no longer; out come changes of the epoll set. A client
// whose socket is not polled waits in its queue, and is not turned away.
//
//	as many run as may           Bound, Rearm   held.go
//	too many starts in a window  MayStart       suspend.go
//	the system has run out       Rest           rest.go
//	nobody is to be served now   Closed         Arm
//
// It belongs to the goroutine of the event loop. Nothing here allocates for a client
// whose service nothing holds back.
package gate

import (
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Loop is what the event loop does for a Gate.
type Loop struct {
	Poll   *loop.Poll
	Tag    loop.Tag // of sockets; the number beside it is the descriptor
	Timers *loop.Timers
	Log    *logbook.Book
	Now    *table.InForce

	// Bound is the limit on what runs at once that keeps a service from a further client.
	Bound func(*table.Service) Bound
}

// Gate is what keeps sockets from being polled.
type Gate struct {
	Closed bool // no socket is polled; it is for ArmAll to have that take effect

	loop     Loop
	held     held
	awaiting bool // awaitRoom has a timer
}

// New makes a Gate of an event loop. It is open.
func New(l Loop) *Gate {
	return &Gate{loop: l, held: held{own: map[*table.Usage][]*table.Socket{}}}
}

// Arm polls a socket if it may have clients now, and only then.
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

// Disarm no longer polls a socket.
func (g *Gate) Disarm(k *table.Socket) {
	if k.Polled {
		g.loop.Poll.Remove(int(k.FD))
		k.Polled = false
	}
}

// ArmService is Arm for all sockets of a service.
func (g *Gate) ArmService(v *table.Service) {
	for k := v.First; k != nil; k = k.Next {
		g.Arm(k)
	}
}

// ArmAll is Arm for the sockets of all services.
func (g *Gate) ArmAll() {
	for _, v := range g.loop.Now.Services {
		g.ArmService(v)
	}
}
