package gate

import (
	"inetd/internal/sock"
	"inetd/internal/table"
)

// Bound is a limit on what runs at once, which keeps the sockets of a service from being
// polled.
type Bound uint8

// The bounds, in the order in which Rearm asks them.
const (
	Unbound     Bound = iota
	ByService         // as many servers of the service run as may
	ByInquiries       // as many questions about clients are under way as may
	ByBuiltins        // connections of builtins have no room
	ByHeaders         // nor have those whose proxy says who the client is
	ByProcesses       // no further process may or can be started
	bounds
)

// held are the sockets that are open but not polled because of a bound. Each waits
// in the order in which clients came, and is polled again when the bound allows a
// start. Those of a bound that services share get their turn one by one: to poll all
// of them whenever one server ends would cost as many system calls as there are
// services.
type held struct {
	own    map[*table.Usage][]*table.Socket // ByService
	shared [bounds][]*table.Socket
}

// hold notes that a bound keeps a socket from being polled.
func (g *Gate) hold(k *table.Socket, b Bound) {
	if b == Unbound || k.Held&(1<<b) != 0 {
		return
	}
	k.Held |= 1 << b
	if b == ByService {
		u := k.Service.Used
		g.held.own[u] = append(g.held.own[u], k)
		return
	}
	g.held.shared[b] = append(g.held.shared[b], k)
	if b.pooled() {
		g.awaitRoom()
	}
}

// pooled reports whether a silent client may make room. Nothing tells the loop then.
func (b Bound) pooled() bool { return b == ByBuiltins || b == ByHeaders }

// Unhold polls the sockets again that the limit of their own service has held.
func (g *Gate) Unhold(u *table.Usage) {
	list := g.held.own[u]
	if list == nil {
		return
	}
	delete(g.held.own, u)
	for _, k := range list {
		k.Held &^= 1 << ByService
		g.Arm(k)
	}
}

// Rearm polls sockets again that a shared bound has held, for each bound up to
// the first that has a client. That one may use up the room, or not if its client is
// refused; the next turn of the loop tells. It reports whether that should come at
// once.
func (g *Gate) Rearm() (more bool) {
	for b := ByInquiries; b < bounds; b++ {
		if len(g.held.shared[b]) > 0 {
			more = g.rearmShared(b) || more
		}
	}
	return more
}

// perTurn is how many sockets of a bound are looked at in one turn of the loop.
const perTurn = 64

func (g *Gate) rearmShared(b Bound) (more bool) {
	for range min(len(g.held.shared[b]), perTurn) {
		k := g.held.shared[b][0]
		if !b.pooled() && !k.Closed && g.loop.Bound(k.Service) == b {
			return false
		}
		g.held.shared[b] = g.held.shared[b][1:]
		k.Held &^= 1 << b
		g.Arm(k)
		if k.Polled && sock.Readable(int(k.FD)) {
			return false
		}
	}
	return !b.pooled() && len(g.held.shared[b]) > 0 // those wait for their share: see awaitRoom
}

// awaitRoom has the loop turn every RestTime while sockets are held by a pool. A
// silent client makes room after some time, and nothing else tells the loop when
// that time has come.
func (g *Gate) awaitRoom() {
	if g.awaiting {
		return
	}
	g.awaiting = true
	g.loop.Timers.After(RestTime, func() {
		g.awaiting = false
		if len(g.held.shared[ByBuiltins])+len(g.held.shared[ByHeaders]) > 0 {
			g.awaitRoom()
		}
	})
}
