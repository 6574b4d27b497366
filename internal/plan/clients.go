package plan

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"inetd/internal/access"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/prefix"
	"inetd/internal/wrap"
)

// Wraps reports whether hosts.allow and hosts.deny decide who is served by an action
// with the keys k. Clients of tcpd(8) are left to tcpd, which reads the files itself.
func (c *Config) Wraps(a *Action, k *conf.Keys) bool {
	return (k != nil || c.Wrap || c.WrapInternal) && c.wrapsAction(a, k)
}

func (c *Config) wrapsAction(a *Action, k *conf.Keys) bool {
	return c.wraps(k, a.Internal()) && (a.Internal() || filepath.Base(a.Path) != "tcpd")
}

// RulesOf returns the rules that all have to admit a client of an entry with the keys k,
// without those of inetd.sec; internal is for a builtin.
func (c *Config) RulesOf(k *conf.Keys, internal bool) (rules []*wrap.Files) {
	if g := GuardOf(k); g != nil {
		rules = append(rules, wrap.Fixed(g.Check))
	}
	if allow, deny, _ := c.RuleFiles(); c.wraps(k, internal) {
		rules = append(rules, wrap.Hosts(allow, deny))
	}
	return rules
}

// wraps reports whether hosts.allow and hosts.deny apply to an entry, by its key wrap or
// else by the options of the command line.
func (c *Config) wraps(k *conf.Keys, internal bool) bool {
	switch {
	case k.Has("wrap"):
		return k.Wrap
	case internal:
		return c.WrapInternal
	}
	return c.Wrap
}

// GuardOf returns the guard that obeys the keys allow and deny; nil if there is neither.
// It takes a while with very many networks.
func GuardOf(k *conf.Keys) *access.Guard {
	if !k.Has("allow") && !k.Has("deny") {
		return nil
	}
	return &access.Guard{Allow: clientsOf(k, "allow", k.Allow), Deny: clientsOf(k, "deny", k.Deny)}
}

func clientsOf(k *conf.Keys, key string, list []conf.Client) access.Clients {
	if !k.Has(key) {
		return access.Clients{}
	}
	at := k.At(key)
	c := access.Clients{Key: strings.Clone(k.Written(key)), File: strings.Clone(at.File), Line: at.Line}
	nets := make([]netip.Prefix, 0, len(list))
	for _, who := range list {
		if who.Net.IsValid() {
			nets = append(nets, who.Net)
		} else {
			c.Names = append(c.Names, strings.Clone(strings.ToLower(strings.TrimSuffix(who.Name, "."))))
		}
	}
	c.Nets = prefix.New(nets)
	return c
}

// The terms of penalties of an entry that has no keys for them.
const (
	penaltyMin = 15 * time.Second
	penaltyMax = 10 * time.Minute
)

// TermsOf returns the bounds within which the penalties of an entry count.
func TermsOf(k *conf.Keys) limit.Terms {
	t := limit.Terms{Min: penaltyMin, Max: penaltyMax}
	if k.Has("penalty_min") {
		t.Min = k.PenaltyMin
	}
	if k.Has("penalty_max") {
		t.Max = k.PenaltyMax
	}
	return t
}

// checkPenalties warns of penalties that never count.
func (l *loader) checkPenalties(e *conf.Entry) {
	if t := TermsOf(e.Keys); e.Keys.Has("penalty") && t.Max < t.Min {
		key := "penalty_max"
		if !e.Keys.Has(key) {
			key = "penalty_min"
		}
		l.report(e, e.Keys.At(key), conf.Warning, fmt.Sprintf("%s: penalties never come to penalty_min, %v, so nobody is refused", key, t.Min), "")
	}
}

// guarded reports whether those keys of an entry can be obeyed that say who may use it.
// If not, it reports why, and the service is not opened: otherwise it would be open to
// everybody.
func (l *loader) guarded(e *conf.Entry, do *Action) bool {
	if e.Keys == nil { // as most entries have it
		return true
	}
	for i := range traits {
		key := traits[i].key
		if traits[i].is&onClients == 0 || !e.Keys.Has(key) || key == "wrap" && !e.Keys.Wrap {
			continue
		}
		if key == "wrap_name" && !l.cfg.wraps(e.Keys, e.Internal) {
			l.report(e, e.Keys.At(key), conf.Hint, e.Keys.Written(key)+" has no effect: hosts.allow and hosts.deny are not asked", "write wrap = yes")
			continue
		}
		if why, hint := unguarded(e, do, key); why != "" {
			l.report(e, e.Keys.At(key), conf.Error, fmt.Sprintf("%s: %s, service ignored", e.Keys.Written(key), why), hint)
			return false
		}
		l.plan.Wraps = l.plan.Wraps || key == "wrap"
		if (key == "allow" || key == "deny") && (e.Kind == conf.Unix || e.Kind == conf.Vsock) {
			l.report(e, e.Keys.At(key), conf.Warning, e.Keys.Written(key)+" has no effect: these clients have no network address", "the owner and mode of its path say who may use a UNIX-domain socket")
		}
	}
	return true
}

// unguarded says why a key cannot be obeyed, and what to write instead; "": it can.
func unguarded(e *conf.Entry, do *Action, key string) (why, hint string) {
	list := e.Keys.Allow
	if key == "deny" {
		list = e.Keys.Deny
	}
	switch {
	case key == "proxy" && e.Kind == conf.Mux:
		return "tcpmux has read from the connection before", "write it for tcpmux itself"
	case key == "proxy" && (do.Mode != Accept || e.Kind != conf.Inet || e.Type != conf.Stream):
		return "a proxy announces connections of stream services with an Internet address that the daemon accepts", ""
	case do.Mode == Lend && do.Listens:
		return "nobody can be refused who talks to a wait or listen server", "a server that takes its clients itself must know whom to refuse"
	case do.Mode == Lend && key != "wrap" && key != "wrap_name" && !e.Keys.CheckFirst:
		return "nobody can be refused who talks to a wait or listen server", "with check_first = yes the sender of the datagram is asked about that starts a server"
	case do.Mode == Accept:
	case key == "wrap", key == "wrap_name":
		return "the sender of a datagram is not looked up in hosts.allow", "allow and deny with networks apply to datagrams"
	case hasNames(list):
		return "the name of a datagram's sender is not looked up", "write networks"
	}
	return "", ""
}

func hasNames(list []conf.Client) bool {
	for _, c := range list {
		if c.Name != "" {
			return true
		}
	}
	return false
}
