package table

import (
	"inetd/internal/sock"
)

// maxFormers is the number of removed services whose usage is kept.
const maxFormers = 1 << 12

// former identifies a removed service that comes back. spec is zero if tcpmux handed the
// service out.
type former struct {
	label string
	spec  sock.Spec
}

// Formers are the usages of removed services. A mistake in a line removes its service, and
// a mended line brings the service back: the daemon does not forget in between what the
// service has used of its limits.
type Formers map[former]*Usage

// Keep remembers the usage of a removed service, unless a service in goesOn still has it.
func (f Formers) Keep(v *Service, spec sock.Spec, goesOn map[*Usage]bool) {
	if v.Used != nil && !goesOn[v.Used] && len(f) < maxFormers {
		f[former{v.Label, spec}] = v.Used
	}
}

// Recall gives a service that has come back its former usage, but not its Fitness.
func (f Formers) Recall(v *Service, spec sock.Spec) {
	which := former{v.Label, spec}
	u := f[which]
	delete(f, which)
	if v.Used == nil && u != nil {
		u.Fitness = Fitness{}
		v.Used = u
	}
}

// Usages returns the set of the usages of services.
func Usages(services []*Service) map[*Usage]bool {
	all := map[*Usage]bool{}
	for _, v := range services {
		if v.Used != nil {
			all[v.Used] = true
		}
	}
	return all
}

// Successor returns the service that now has the sockets of an earlier service, or its
// name in tcpmux; nil: none.
func (g *Generation) Successor(was *Service) *Service {
	if k := was.First; k != nil {
		if k.Closed {
			return nil
		}
		return k.Service
	}
	for _, v := range g.Mux {
		if v.Label == was.Label {
			return v
		}
	}
	return nil
}
