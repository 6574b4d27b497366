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

// lookupTime bounds one lookup.
const lookupTime = 5 * time.Second

// names looks up the names of hosts. It may be used by several goroutines.
type names struct {
	resolver *net.Resolver

	mu     sync.Mutex
	asking map[netip.Addr]*hostName // lookups under way
}

// hostName is the result of a lookup. It is valid once found is closed, and name is
// that of the address only if state is Confirmed.
type hostName struct {
	found chan struct{}
	name  string
	state access.NameState
}

// files answers from /etc/hosts alone.
var files = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no name server is asked")
}}

// inFiles looks for the name of an address in /etc/hosts, which asks no name server.
func inFiles(addr netip.Addr) (name string, found bool) {
	name, state := lookUp(files, addr)
	return name, state == access.Confirmed
}

// find looks for the name of an address in /etc/hosts, then asks for it.
func (n *names) find(addr netip.Addr) *hostName {
	if name, found := inFiles(addr); found {
		h := &hostName{found: make(chan struct{}), name: name, state: access.Confirmed}
		close(h.found)
		return h
	}
	return n.ask(addr)
}

// ask begins a lookup, which takes lookupTime at most, or joins the one that is
// under way.
func (n *names) ask(addr netip.Addr) *hostName {
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
		h.name, h.state = lookUp(n.resolver, addr)
		n.mu.Lock()
		delete(n.asking, addr)
		n.mu.Unlock()
		close(h.found)
	}()
	return h
}

// lookUp asks for the name of an address and for the addresses of that name: the owner
// of an address may claim any name for it.
func lookUp(r *net.Resolver, addr netip.Addr) (string, access.NameState) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	found, _ := r.LookupAddr(ctx, addr.String())
	if len(found) == 0 {
		return "", access.Unknown
	}
	name := found[0] // a domain name: package net drops anything else, such as an address
	addrs, _ := r.LookupNetIP(ctx, "ip", name)
	if !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap().WithZone("") == addr }) {
		return "", access.Mismatch
	}
	return strings.TrimSuffix(name, "."), access.Confirmed
}
