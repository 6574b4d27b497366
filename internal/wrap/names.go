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
)

// maxNames is how many addresses are looked up at once. A lookup takes as long
// as the remote name server likes.
const maxNames = 64

// lookupTime bounds one lookup.
const lookupTime = 5 * time.Second

var errNames = errors.New("too many names of hosts are being looked up")

// Names finds the names of hosts.
type Names struct {
	Resolver *net.Resolver // set before the first question

	mu     sync.Mutex
	asking map[netip.Addr]*hostName // being looked up
}

// hostName is the name of an address, if state is Confirmed. It is valid once
// found is closed.
type hostName struct {
	found chan struct{}
	name  string
	state access.NameState
}

// find looks up the names of both ends, unless it did before.
func (n *Names) find(ctx context.Context, q *access.Query) error {
	if q.NameState != access.NotAsked || q.UnixPeer {
		return nil
	}
	peer, err := n.ask(q.Peer.Addr())
	if err != nil {
		return err
	}
	local, err := n.ask(q.Local.Addr())
	if err == nil {
		<-local.found
		q.LocalName = local.name
	}
	<-peer.found
	q.PeerName, q.NameState = peer.name, peer.state
	return nil
}

// ask begins a lookup, which takes lookupTime at most, or joins the one that is
// under way, so that one client cannot use up the lookups.
func (n *Names) ask(addr netip.Addr) (*hostName, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h, ok := n.asking[addr]; ok {
		return h, nil
	}
	if len(n.asking) >= maxNames {
		return nil, errNames
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
	return h, nil
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
