package plan

import (
	"fmt"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/sock"
)

// entry adds the service of an entry to the plan and returns it, or reports why
// there is none and returns nil.
func (l *loader) entry(e *conf.Entry) *Service {
	if e.Kind == conf.Mux {
		return l.muxEntry(e)
	}
	wants, port := l.addresses(e)
	l.mux.seen = l.mux.seen || isMux(e, port)
	do := l.action(e, port)
	if do == nil || len(wants) == 0 || !l.secure(e, do, port) || !l.guarded(e, do) || !l.relayed(e, wants) {
		return nil
	}
	l.tellExposed(e, do)
	l.banners(e, do)
	v := l.service(e, do, len(wants))
	for _, w := range wants {
		l.claim(e, v, w)
	}
	l.plan.Services = append(l.plan.Services, v)
	return v
}

// service makes the service of an entry, with room for its sockets.
func (l *loader) service(e *conf.Entry, do *Action, sockets int) *Service {
	const many = 256
	if len(l.room) < sockets {
		l.room = make([]Socket, max(many, sockets))
	}
	room := l.room[:0:sockets]
	l.room = l.room[sockets:]
	v := l.made.Add(Service{Label: e.Label(), At: e.Pos, Do: do, Asks: l.asks(e.Keys), Sockets: room})
	if e.Keys.Has("allow") || e.Keys.Has("deny") {
		v.Clients = e.Keys
	}
	return v
}

// claim says which entry has a socket.
type claim struct {
	svc  *Service
	file string
	line int
}

// claim gives a socket to the service of an entry. A later entry takes over
// the socket of an earlier one, except that a socket which a plain "tcp" merely
// implies gives way to one that was asked for.
func (l *loader) claim(e *conf.Entry, v *Service, w Socket) {
	before, taken := l.claims[w.Spec]
	if taken && before.svc == v {
		return
	}
	if taken {
		other := before.svc.find(w.Spec)
		if other.explicit && !w.explicit {
			return
		}
		if other.explicit == w.explicit {
			l.reportOnce(e, before.place().String(), fmt.Sprintf("%s replaces the entry of %s", w.Spec, before.seenFrom(e.Pos.File)), before.alias(e, w.Spec))
		}
		before.svc.drop(w.Spec)
		l.replaced[before.place()] = !before.svc.reachable()
	}
	l.claims[w.Spec] = claim{v, e.Pos.File, e.Pos.Line}
	v.Sockets = append(v.Sockets, w)
}

// seenFrom names the line of the entry for a message about one in a file.
func (c claim) seenFrom(file string) string {
	if c.file == file {
		return fmt.Sprintf("line %d", c.line)
	}
	return fmt.Sprintf("%s:%d", c.file, c.line)
}

// alias says that the entry has another name for the port of a later one, if it has.
func (c claim) alias(e *conf.Entry, spec sock.Spec) string {
	name, _, _ := strings.Cut(c.svc.Label, "/")
	if e.Kind != conf.Inet || name == e.Service {
		return ""
	}
	return fmt.Sprintf("%s (%s:%d) and %s (%s:%d) are one port, %d/%s", name, c.file, c.line, e.Service, e.Pos.File, e.Pos.Line, spec.Addr.Port(), e.Proto)
}

// place is the line of the entry.
func (c claim) place() conf.Pos { return conf.Pos{File: c.file, Line: c.line} }

// reportOnce warns of what several sockets of one entry have to say about one
// matter.
func (l *loader) reportOnce(e *conf.Entry, matter, text, hint string) {
	key := e.Pos.String() + matter
	if !l.told[key] {
		l.told[key] = true
		l.report(e, e.Pos, conf.Warning, text, hint)
	}
}

// dropReplaced removes the services whose sockets have all been taken over, and
// what was said of their entries: that they were replaced is enough.
func (l *loader) dropReplaced() {
	l.plan.Problems = slices.DeleteFunc(l.plan.Problems, func(p Problem) bool {
		return p.Severity != conf.Error && l.replaced[conf.Pos{File: p.Pos.File, Line: p.Pos.Line}]
	})
	l.plan.Services = slices.DeleteFunc(l.plan.Services, func(v *Service) bool { return !v.reachable() })
}
