// Package hosts asks name servers for the addresses of the hosts that a configuration
// names. In go names of hosts; out come addresses. A name server takes as long as it
// likes, so nothing here waits unless it is told to: who asks for a host that has no
// answer yet is told so, and asks again later.
package hosts

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	lookupTime = 5 * time.Second        // bounds the wait for name servers; all hosts share it
	promptTime = 250 * time.Millisecond // how long AwaitPrompt waits
	maxLookups = 64                     // hosts that are looked up at once
)

// ErrPending is the error of a host whose name servers have not answered yet.
var ErrPending = errors.New("waiting for a name server")

// errUnasked is the error of every host if there is nobody to ask.
var errUnasked = errors.New("no name server")

// Unknown reports whether an error means that there is no such host.
func Unknown(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// Lookup finds the addresses of a host, like net.Resolver.LookupNetIP.
type Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Addresses are the addresses of hosts. Each host is looked up once, in a goroutine of
// its own, all at the same time. The Addresses belong to one goroutine, but another may
// await the answers. A nil *Addresses knows no host and asks nobody.
type Addresses struct {
	ask    Lookup
	before map[string][]netip.Addr // earlier answers
	hosts  map[string]*host
	until  time.Time // the deadline of all questions; zero before the first one
	slots  chan struct{}
}

// host is a question and its answer, which may be read once done is closed.
type host struct {
	done  chan struct{}
	addrs []netip.Addr
	err   error
}

// New returns Addresses that are found by ask. No host is looked up yet.
func New(ask Lookup) *Addresses { return &Addresses{ask: ask, hosts: map[string]*host{}} }

// Of returns the addresses of a host. An error is ErrPending, or that of the Lookup. With
// an error Of returns the addresses that the host had before, unless a name server says
// that there is no such host.
func (a *Addresses) Of(name string) ([]netip.Addr, error) {
	if a == nil {
		return nil, errUnasked
	}
	h := a.hosts[name]
	if h == nil {
		h = a.begin(strings.Clone(name))
	}
	switch {
	case !h.answered():
		return a.before[name], ErrPending
	case h.err == nil:
		return h.addrs, nil
	case Unknown(h.err):
		return nil, h.err
	}
	return a.before[name], h.err
}

// Renew returns Addresses that look up every host again. What a has found serves until
// the new answer comes, and if no name server answers.
func (a *Addresses) Renew() *Addresses {
	b := New(a.ask)
	b.before = map[string][]netip.Addr{}
	for name := range a.hosts {
		if addrs, _ := a.Of(name); len(addrs) > 0 {
			b.before[name] = addrs
		}
	}
	return b
}

// Again returns Addresses that keep the answers of a and have begun to look up the other
// hosts again.
func (a *Addresses) Again() *Addresses {
	b := New(a.ask)
	b.before = a.before
	for name, h := range a.hosts {
		if h.answered() && h.err == nil {
			b.hosts[name] = h
			continue
		}
		b.begin(name)
	}
	return b
}

// Copy returns Addresses with the same answers, for use by another goroutine.
func (a *Addresses) Copy() *Addresses {
	b := *a
	b.hosts = maps.Clone(a.hosts)
	return &b
}

// AwaitPrompt waits for those answers that come within 250 ms, as most do.
func (a *Addresses) AwaitPrompt() { a.await(promptTime) }

// AwaitAll waits until every host has an answer or an error, five seconds at most.
func (a *Addresses) AwaitAll() { a.await(2 * lookupTime) }

// await waits until every host has an answer or an error, but not longer than d.
func (a *Addresses) await(d time.Duration) {
	enough := time.After(d)
	for _, h := range a.hosts {
		select {
		case <-h.done:
		case <-enough:
			return
		}
	}
}

func (h *host) answered() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// begin starts to look up a host.
func (a *Addresses) begin(name string) *host {
	if a.slots == nil {
		a.slots, a.until = make(chan struct{}, maxLookups), time.Now().Add(lookupTime)
	}
	h := &host{done: make(chan struct{})}
	a.hosts[name] = h
	ask, slots, until := a.ask, a.slots, a.until
	go func() {
		defer close(h.done)
		ctx, cancel := context.WithDeadline(context.Background(), until)
		defer cancel()
		select {
		case slots <- struct{}{}:
			h.addrs, h.err = ask(ctx, "ip", name)
			<-slots
		case <-ctx.Done():
			h.err = ctx.Err()
		}
	}()
	return h
}
