package table

import (
	"net/netip"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/prefix"
)

// Action is what is done for a client of a service. Services with equal actions and keys
// share one.
type Action struct {
	*plan.Action
	Program *child.Program // nil: a builtin
	Daemon  string         // base name of argv[0], or key wrap_name, for access rules
	Keys    *conf.Keys     // nil: none
	Asks    []plan.Ask     // the keys with their places

	Guarded   bool // the entry says who may use it: see Generation.Guards
	AsksNames bool // and says so by names of hosts, among others

	Proxies *prefix.Set // proxies whose header tells who the client is; nil: none
	Penalty *Penalty    // nil: there are no penalties
	Bits    limit.Bits  // how many bits of an address make one source
}

// Source returns the source that an Internet client counts as.
func (do *Action) Source(a netip.Addr) limit.Source { return do.Bits.Source(a) }

// Stays reports whether a client of the action needs room among the connections of
// builtins. A client who gets a brief reply needs none: it is sent at once.
func (do *Action) Stays() bool {
	return do.Internal() && do.Listens && lasts(do.Builtin)
}

// lasts reports whether the connections of a builtin may last.
func lasts(name string) bool {
	b, _ := builtin.Lookup(name, time.Now)
	return b.Brief == nil
}

// RefusesFull reports whether a client who finds the service full is refused instead of
// waiting (key full).
func (do *Action) RefusesFull() bool {
	return do.Keys != nil && do.Keys.FullRefuse && do.Mode == plan.Accept
}

// Crowd says that accept_max is reached: by clients that are passed on, or by servers.
func (do *Action) Crowd() string {
	if do.Passes() {
		return "as many clients are passed on as may"
	}
	return "as many servers run as may"
}

// Passes reports whether the clients of the action are passed on (key connect).
func (do *Action) Passes() bool { return do.Connect != conf.Place{} }

// Penalty is what the keys penalty of an entry ask for: how a server ends is evidence
// about its client.
type Penalty struct {
	conf.Penalties
	Terms  limit.Terms
	Exempt prefix.Set
}

// penaltyOf returns the penalties of an action; nil: none. The sender of a datagram may
// be forged, and the clients of a wait server are unknown, so these have none.
func penaltyOf(do *plan.Action, k *conf.Keys) *Penalty {
	if k.Penalties == (conf.Penalties{}) || do.Mode != plan.Accept {
		return nil
	}
	return &Penalty{Penalties: k.Penalties, Terms: plan.TermsOf(k), Exempt: prefix.New(k.PenaltyExempt)}
}

// proxiesOf returns the networks of proxies whose header is believed; nil: none.
func proxiesOf(do *plan.Action, nets []netip.Prefix) *prefix.Set {
	if len(nets) == 0 || do.Mode != plan.Accept {
		return nil
	}
	set := prefix.New(nets)
	return &set
}
