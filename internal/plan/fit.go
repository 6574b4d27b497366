package plan

import (
	"slices"

	"inetd/internal/conf"
)

// builtinKeys are the keys that have an effect on every builtin. A builtin is not a
// process, and has no connection if it answers datagrams.
var builtinKeys = []string{
	"sndbuf", "recvbuf", "acceptfilter", "service_max", "accept_max", "ip_max", "source_max",
	"allow", "deny", "wrap", "wrap_name", "hours", "max_load", "sensor", "refuse", "full", "source_prefix", "proxy", "backlog", "sockopt",
}

// talkKeys are the keys that have an effect on a builtin only if it has connections.
var talkKeys = []string{"banner", "banner_success", "banner_fail", "max_time", "idle_time", "penalty", "penalty_min", "penalty_max", "penalty_exempt"}

// fitted identifies the keys that fit leaves of an entry's.
type fitted struct {
	keys    *conf.Keys
	without string // the names of the keys that were taken away
}

// fit takes away the keys that can have no effect on an entry, and warns of them. A key
// that is written for every entry need not have an effect on all, so fit warns of such a
// key only where somebody might rely on it.
func (l *loader) fit(e *conf.Entry) {
	if e.Keys == nil {
		return
	}
	vain := ""
	for i := range e.Keys.Options {
		o := &e.Keys.Options[i]
		why, hint := noEffect(e, o)
		if why == "" {
			continue
		}
		if !o.General || !e.Internal && ofRelays(e, o.Key.Text) == "" {
			l.report(e, o.Key.Pos, conf.Warning, e.Keys.Written(o.Key.Text)+" has no effect: "+why, hint)
		}
		vain += o.Key.Text + " "
	}
	if vain != "" {
		e.Keys = l.without(e, vain)
	}
}

// without returns the keys of an entry without those that have no effect. Entries that
// shared their keys still do.
func (l *loader) without(e *conf.Entry, vain string) *conf.Keys {
	which := fitted{e.Keys, vain}
	k := l.fitted[which]
	if k == nil {
		k = e.Keys.Without(func(o conf.Option) bool {
			why, _ := noEffect(e, &o)
			return why != ""
		})
		l.fitted[which] = k
	}
	return k
}

// noEffect says why a key has no effect on an entry, which is served without it, and
// what would have one; "": the key has an effect, or its entry is refused elsewhere.
func noEffect(e *conf.Entry, o *conf.Option) (why, hint string) {
	key := o.Key.Text
	switch why := ofRelays(e, key); {
	case why != "":
		return why, ""
	case key == "connect" || slices.Contains(demandKeys, key):
		return "", "" // relayed reports what is wrong with these
	case e.Internal && slices.Contains(talkKeys, key) && e.Type == conf.Dgram:
		return "a datagram of an internal service is answered at once", ""
	case e.Internal && !slices.Contains(builtinKeys, key) && !slices.Contains(talkKeys, key):
		return "an internal service has no server program", ""
	case e.Internal, !o.General, OnDemand(e.Keys):
	case key == "idle_time" && e.Keys.IdleTime > 0:
		return untimed(e), "max_time ends a server however busy it is"
	case key == "pty" && e.Keys.PTY:
		return noTerminal(e), ""
	}
	return "", ""
}
