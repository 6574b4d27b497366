package access

import (
	"net/netip"
	"strings"

	"inetd/internal/prefix"
)

// Guard decides about clients by the keys allow and deny of an entry. It does not
// change, and may be used by several goroutines.
type Guard struct {
	Allow, Deny Clients
}

// Clients are the clients that a key names.
type Clients struct {
	Key   string // "allow" or "deny", or what was written for it; "": the entry does not have it
	File  string // where the key stands
	Line  int
	Nets  prefix.Set
	Names []string // of hosts, or of domains with a dot in front; in lower case
}

// Ruling is what the address of a client alone decides.
type Ruling uint8

// The rulings, the strictest first.
const (
	Refused Ruling = iota
	AskName        // it depends on the client's name
	Admitted
)

// Rule returns what an address alone decides. It allocates nothing.
func (g *Guard) Rule(a netip.Addr) Ruling {
	return min(g.denied(a), g.allowed(a))
}

func (g *Guard) denied(a netip.Addr) Ruling {
	switch {
	case g.Deny.Nets.Has(a):
		return Refused
	case len(g.Deny.Names) > 0:
		return AskName
	}
	return Admitted
}

func (g *Guard) allowed(a netip.Addr) Ruling {
	switch {
	case g.Allow.Key == "", g.Allow.Nets.Has(a):
		return Admitted
	case len(g.Allow.Names) > 0:
		return AskName
	}
	return Refused
}

// AsksNames reports whether a client's name may decide.
func (g *Guard) AsksNames() bool { return len(g.Allow.Names)+len(g.Deny.Names) > 0 }

// Check answers q: it refuses a client that deny names or that an allow does not name.
// A client whose name is not known is refused if the name matters. A client of a
// UNIX-domain socket, which has no address, is let in. The verdict has no options.
func (g *Guard) Check(q Query) Verdict {
	a := q.asker(nil)
	if q.UnixPeer {
		return Verdict{Allow: true}
	}
	if rule, got := a.clients(&g.Deny); got != no {
		return a.verdict(&g.Deny, rule, got, false)
	}
	if g.Allow.Key == "" {
		return Verdict{Allow: true}
	}
	rule, got := a.clients(&g.Allow)
	return a.verdict(&g.Allow, rule, got, got == yes)
}

// clients answers whether the peer is one of c, and returns the network or name that matches.
func (a *asker) clients(c *Clients) (rule string, got answer) {
	if c.Key == "" {
		return "", no
	}
	if !a.peer.addr.IsValid() {
		return "", a.address(&a.peer, false)
	}
	if net, found := c.Nets.Find(a.peer.addr); found {
		return net.String(), yes
	}
	for _, name := range c.Names {
		one := a.name(&a.peer, func(s string) bool { return s == name || name[0] == '.' && strings.HasSuffix(s, name) })
		if got = max(got, one); got == yes {
			return name, yes
		}
	}
	return "", got
}

func (a *asker) verdict(c *Clients, rule string, got answer, allow bool) Verdict {
	v := Verdict{Allow: allow, File: c.File, Line: c.Line, Rule: c.Key, NeedName: got == unasked}
	switch {
	case rule != "":
		v.Rule += " = " + rule
	case got == unsure:
		v.Note = "cannot be decided: " + a.doubt
	case got == no:
		v.Note = "it does not name the client"
	}
	return v
}
