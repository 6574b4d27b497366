package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	lookupTime = 5 * time.Second        // bounds the wait for name servers; all hosts of a load share it
	promptTime = 250 * time.Millisecond // how long a load waits for answers before it goes on without them
	maxLookups = 64                     // hosts that are looked up at once
)

// Lookup finds the addresses of a host, like net.Resolver.LookupNetIP.
type Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// Names are the addresses of the hosts that a configuration names. Each host is looked
// up once, in a goroutine of its own, all at the same time. Only the goroutine of a load
// may use its Names, but another may Await the answers.
type Names struct {
	ask    Lookup
	before map[string][]netip.Addr // answers of earlier loads
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

// NewNames returns Names without any hosts yet. It finds addresses by ask.
func NewNames(ask Lookup) *Names { return &Names{ask: ask, hosts: map[string]*host{}} }

// Renew returns Names for the next load, which looks up every host again. Addresses that
// n has found serve until the new answer comes, and if no name server answers. If n is
// nil, the system's resolver is asked.
func (n *Names) Renew() *Names {
	if n == nil {
		return NewNames(net.DefaultResolver.LookupNetIP)
	}
	m := NewNames(n.ask)
	m.before = map[string][]netip.Addr{}
	for name := range n.hosts {
		if addrs, _ := n.look(name); len(addrs) > 0 {
			m.before[name] = addrs
		}
	}
	return m
}

// Again returns Names that keep the answers of n and have begun to look up the other
// hosts again. If n is nil, so is the result.
func (n *Names) Again() *Names {
	if n == nil {
		return nil
	}
	m := NewNames(n.ask)
	m.before = n.before
	for name, h := range n.hosts {
		if h.answered() && h.err == nil {
			m.hosts[name] = h
			continue
		}
		m.begin(name)
	}
	return m
}

// Copy returns Names with the same answers, for use by another goroutine. If n is nil,
// so is the result.
func (n *Names) Copy() *Names {
	if n == nil {
		return nil
	}
	m := *n
	m.hosts = maps.Clone(n.hosts)
	return &m
}

// Await waits until every question has an answer, but not longer than d. n may be nil.
func (n *Names) Await(d time.Duration) {
	if n == nil {
		return
	}
	enough := time.After(d)
	for _, h := range n.hosts {
		select {
		case <-h.done:
		case <-enough:
			return
		}
	}
}

// AwaitAll waits until every question has an answer, which takes five seconds at most.
// n may be nil.
func (n *Names) AwaitAll() { n.Await(2 * lookupTime) }

func (h *host) answered() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// errPending is the error of a host whose name servers have not answered yet.
var errPending = errors.New("waiting for a name server")

// look returns the addresses of a host. With an error it returns those of an earlier
// load, or none.
func (n *Names) look(name string) ([]netip.Addr, error) {
	h := n.hosts[name]
	if h == nil {
		h = n.begin(strings.Clone(name))
	}
	switch {
	case !h.answered():
		return n.before[name], errPending
	case h.err == nil:
		return h.addrs, nil
	case unknownHost(h.err):
		return nil, h.err
	}
	return n.before[name], h.err
}

// begin starts to look up a host.
func (n *Names) begin(name string) *host {
	if n.slots == nil {
		n.slots, n.until = make(chan struct{}, maxLookups), time.Now().Add(lookupTime)
	}
	h := &host{done: make(chan struct{})}
	n.hosts[name] = h
	ask, slots, until := n.ask, n.slots, n.until
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

// unknownHost reports whether the name servers say that there is no such host.
func unknownHost(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}

// hostFault says what is wrong with a host.
func hostFault(name string, err error) string {
	switch {
	case err == errPending:
		return fmt.Sprintf("waiting for a name server to tell the address of host %q", name)
	case unknownHost(err):
		return fmt.Sprintf("unknown host %q", name)
	}
	return fmt.Sprintf("no name server answers for host %q", name)
}
