package gate

import (
	"inetd/internal/sock"
	"inetd/internal/table"
)

// Bound is a limit on what runs at once. While a service has reached it, the sockets of
// the service are not polled.
type Bound uint8

// The bounds, in the order in which Rearm tries them.
const (
	Unbound     Bound = iota
	ByService         // the service has its greatest number of servers
	ByInquiries       // the daemon has its greatest number of inquiries about clients
	ByBuiltins        // there is no room for another connection of a builtin
	ByHeaders         // there is no room for another connection whose proxy header is read
	ByProcesses       // no further process may or can be started
	bounds
)

// held are the sockets that are open but not polled because of a bound, in the order in
// which they were held. They are polled again when the bound allows a start. The sockets
// of a bound that services share get their turn one by one: polling all of them whenever
// a server ends would cost as many system calls as there are services.
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

// pooled reports whether the bound is a pool, in which a client who has long been silent
// makes room for another. No event tells the loop of that.
func (b Bound) pooled() bool { return b == ByBuiltins || b == ByHeaders }

// Unhold polls again the sockets that were held by the limit of their own service.
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

// Rearm polls sockets again that were held by shared bounds: for each bound up to the
// first socket that has a client. That client may use up the room, or may be refused,
// which the next turn of the loop tells. more reports that the next turn should come at
// once, because further sockets may have room.
func (g *Gate) Rearm() (more bool) {
	for b := ByInquiries; b < bounds; b++ {
		if len(g.held.shared[b]) > 0 {
			more = g.rearmShared(b) || more
		}
	}
	return more
}

// perTurn is how many sockets of a bound Rearm tries in one turn of the loop.
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
	return !b.pooled() && len(g.held.shared[b]) > 0 // sockets of a pool wait for awaitRoom
}

// awaitRoom has the loop turn every RestTime while a pool holds sockets, because no other
// event tells it that a silent client makes room.
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
