package table

import (
	"inetd/internal/sock"
)

// maxFormers bounds what is kept of removed services.
const maxFormers = 1 << 12

// former is what a removed service is known by if it comes back. One of tcpmux has no
// socket.
type former struct {
	label string
	spec  sock.Spec
}

// Formers are the usages of services that were removed. A mistake in a line removes its
// service, and the mended line brings it back: what that had used of its limits, and how
// it fared, is not forgotten in between.
type Formers map[former]*Usage

// Keep remembers a service that is removed. Its usage may go on with other sockets.
func (f Formers) Keep(v *Service, spec sock.Spec, goesOn map[*Usage]bool) {
	if v.Used != nil && !goesOn[v.Used] && len(f) < maxFormers {
		f[former{v.Label, spec}] = v.Used
	}
}

// Recall gives a service that has come back what it had used.
func (f Formers) Recall(v *Service, spec sock.Spec) {
	which := former{v.Label, spec}
	u := f[which]
	delete(f, which)
	if v.Used == nil && u != nil {
		u.Fitness = Fitness{}
		v.Used = u
	}
}

// Usages are those that services have.
func Usages(services []*Service) map[*Usage]bool {
	all := map[*Usage]bool{}
	for _, v := range services {
		if v.Used != nil {
			all[v.Used] = true
		}
	}
	return all
}

// Successor is the service of a generation that has the sockets of one before, or its name
// at tcpmux; nil if there is none.
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
