package plan

import "inetd/internal/conf"

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
	is := traitsOf(key)
	switch why := ofRelays(e, key); {
	case why != "":
		return why, ""
	case key == "connect" || is&onDemand != 0:
		return "", "" // relayed reports what is wrong with these
	case e.Internal && is&onTalk != 0 && e.Type == conf.Dgram:
		return "a datagram of an internal service is answered at once", ""
	case e.Internal && is&(onBuiltin|onTalk) == 0:
		return "an internal service has no server program", ""
	case e.Internal, !o.General, OnDemand(e.Keys):
	case key == "idle_time" && e.Keys.IdleTime > 0:
		return untimed(e), "max_time ends a server however busy it is"
	case key == "pty" && e.Keys.PTY:
		return noTerminal(e), ""
	}
	return "", ""
}
