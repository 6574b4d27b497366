package plan

import (
	"fmt"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/sock"
)

// entry adds the service of an entry to the plan and returns it. If it cannot be served,
// entry reports why and returns nil.
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

// service makes the service of an entry. Services share the memory for their sockets.
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

// claim says which entry has a socket, or a name in tcpmux.
type claim struct {
	svc  *Service
	file string
	line int
}

// claim gives a socket to the service of an entry. A later entry takes the socket from
// an earlier one; but an entry whose plain "tcp" merely implies the socket never takes
// it from one that asks for it.
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

// seenFrom names the entry's line for a message about a file, without the file's name if
// the entry is in the same file.
func (c claim) seenFrom(file string) string {
	if c.file == file {
		return fmt.Sprintf("line %d", c.line)
	}
	return fmt.Sprintf("%s:%d", c.file, c.line)
}

// alias says so if a later entry e has another name for the same port; otherwise "".
func (c claim) alias(e *conf.Entry, spec sock.Spec) string {
	name, _, _ := strings.Cut(c.svc.Label, "/")
	if e.Kind != conf.Inet || name == e.Service {
		return ""
	}
	return fmt.Sprintf("%s (%s:%d) and %s (%s:%d) are one port, %d/%s", name, c.file, c.line, e.Service, e.Pos.File, e.Pos.Line, spec.Addr.Port(), e.Proto)
}

// place returns the line of the entry.
func (c claim) place() conf.Pos { return conf.Pos{File: c.file, Line: c.line} }

// reportOnce warns only once of a matter that concerns several sockets of an entry.
func (l *loader) reportOnce(e *conf.Entry, matter, text, hint string) {
	key := e.Pos.String() + matter
	if !l.told[key] {
		l.told[key] = true
		l.report(e, e.Pos, conf.Warning, text, hint)
	}
}

// dropReplaced removes the services that lost all their sockets to later entries, and
// the warnings about these entries: the warning of the later entry is enough.
func (l *loader) dropReplaced() {
	l.plan.Problems = slices.DeleteFunc(l.plan.Problems, func(p Problem) bool {
		return p.Severity != conf.Error && l.replaced[conf.Pos{File: p.Pos.File, Line: p.Pos.Line}]
	})
	l.plan.Services = slices.DeleteFunc(l.plan.Services, func(v *Service) bool { return !v.reachable() })
}
