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

// Action is what is done for a client of a service. Services that do the same
// share one.
type Action struct {
	*plan.Action
	Program *child.Program // nil: a builtin
	Daemon  string         // base name of argv[0], for access rules
	Keys    *conf.Keys     // nil: none
	Asks    []plan.Ask     // the same, with their places

	Guarded   bool // the entry says who may use it: see Generation.Guards
	AsksNames bool // by names of hosts, among others

	Proxies *prefix.Set // whose header tells who the client is; nil: there is none
	Penalty *Penalty    // nil: nothing has one
	Bits    limit.Bits  // of an address that are one source
}

// Source is what an Internet client counts as.
func (do *Action) Source(a netip.Addr) limit.Source { return do.Bits.Source(a) }

// Stays reports whether a client of an action needs room among the connections
// of builtins. Those that get a brief reply need none: it is sent at once.
func (do *Action) Stays() bool {
	return do.Builtin != "" && do.Listens && lasts(do.Builtin)
}

// lasts reports whether the connections of a builtin may last.
func lasts(name string) bool {
	b, _ := builtin.Lookup(name, time.Now)
	return b.Brief == nil
}

// RefusesFull reports whether a client who finds a service full is refused, and does
// not wait (key full).
func (do *Action) RefusesFull() bool {
	return do.Keys != nil && do.Keys.FullRefuse && do.Mode == plan.Accept
}

// Passes reports whether the clients of an action are passed on.
func (do *Action) Passes() bool { return do.Connect != conf.Place{} }

// Penalty is what the entry of a service asks for by the keys penalty: the end of a
// server is evidence about its client.
type Penalty struct {
	conf.Penalties
	Terms  limit.Terms
	Exempt prefix.Set
}

// penaltyOf is what the keys of an action ask for. The sender of a datagram may be
// forged, and the clients of a wait server are not known: nil.
func penaltyOf(do *plan.Action, k *conf.Keys) *Penalty {
	if k.Penalties == (conf.Penalties{}) || do.Mode != plan.Accept {
		return nil
	}
	return &Penalty{Penalties: k.Penalties, Terms: plan.TermsOf(k), Exempt: prefix.New(k.PenaltyExempt)}
}

// proxiesOf are the networks whose header is believed; nil: there is none.
func proxiesOf(do *plan.Action, nets []netip.Prefix) *prefix.Set {
	if len(nets) == 0 || do.Mode != plan.Accept {
		return nil
	}
	set := prefix.New(nets)
	return &set
}
