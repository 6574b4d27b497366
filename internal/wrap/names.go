package wrap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"inetd/internal/access"
	"inetd/internal/limit"
)

// Clients who wait for the names of their addresses. That takes as long as the
// remote name server likes, so no service and no source may have all the room.
const (
	maxNames        = 256
	namesPerService = 128
	namesPerSource  = 32
)

// lookupTime bounds one lookup.
const lookupTime = 5 * time.Second

var errNames = errors.New("too many names of hosts are being looked up")

// Names finds the names of hosts. It may be used by several goroutines.
type Names struct {
	Resolver *net.Resolver // set before the first question

	mu     sync.Mutex
	asking map[netip.Addr]*hostName // being looked up
	pool   limit.Pool               // clients who wait
}

// hostName is the name of an address, if state is Confirmed. It is valid once
// found is closed.
type hostName struct {
	found chan struct{}
	name  string
	state access.NameState
}

// files answers from /etc/hosts alone.
var files = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no name server is asked")
}}

// find looks up the names of both ends, unless it did before. A client whose name
// is in /etc/hosts waits for nobody.
func (n *Names) find(q *access.Query) error {
	if q.NameState != access.NotAsked || q.UnixPeer {
		return nil
	}
	name, state := lookUp(files, q.Peer.Addr())
	local, known := lookUp(files, q.Local.Addr())
	if state == access.Confirmed && known == access.Confirmed {
		q.PeerName, q.NameState, q.LocalName = name, state, local
		return nil
	}
	room, err := n.enter(q)
	if err == nil {
		n.wait(q, room)
	}
	return err
}

// enter makes room for a client who waits for names.
func (n *Names) enter(q *access.Query) (*limit.Member, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pool.Size == 0 {
		n.pool = limit.Pool{Size: maxNames, PerService: namesPerService, PerSource: namesPerSource}
	}
	room := n.pool.Enter(q.Daemon, limit.Address(q.Peer.Addr()), time.Now())
	if room == nil {
		return nil, errNames
	}
	return room, nil
}

// wait waits for the names of both ends.
func (n *Names) wait(q *access.Query, room *limit.Member) {
	peer, local := n.ask(q.Peer.Addr()), n.ask(q.Local.Addr())
	<-local.found
	<-peer.found
	q.PeerName, q.NameState, q.LocalName = peer.name, peer.state, local.name
	n.mu.Lock()
	room.Leave()
	n.mu.Unlock()
}

// ask begins a lookup, which takes lookupTime at most, or joins the one that is
// under way.
func (n *Names) ask(addr netip.Addr) *hostName {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h, ok := n.asking[addr]; ok {
		return h
	}
	if n.asking == nil {
		n.asking = map[netip.Addr]*hostName{}
	}
	h := &hostName{found: make(chan struct{})}
	n.asking[addr] = h
	go func() {
		h.name, h.state = lookUp(n.Resolver, addr)
		n.mu.Lock()
		delete(n.asking, addr)
		n.mu.Unlock()
		close(h.found)
	}()
	return h
}

// lookUp asks for the name of an address and for the addresses of that name:
// anybody may claim any name for an address of his own.
func lookUp(r *net.Resolver, addr netip.Addr) (string, access.NameState) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	found, _ := r.LookupAddr(ctx, addr.String())
	if len(found) == 0 {
		return "", access.Unknown
	}
	name := found[0] // a domain name: Go drops what is none, such as an address
	addrs, _ := r.LookupNetIP(ctx, "ip", name)
	if !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap().WithZone("") == addr }) {
		return "", access.Mismatch
	}
	return strings.TrimSuffix(name, "."), access.Confirmed
}
