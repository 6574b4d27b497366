package inetd

import "inetd/internal/sock"

// A mistake in a line removes its service, and the mended line brings it back. What
// that had used of its limits, and how it fared, is not forgotten in between.

// maxFormers bounds what is kept of removed services.
const maxFormers = 1 << 12

// former is what a removed service is known by if it comes back. One of tcpmux has no
// socket.
type former struct {
	label string
	spec  sock.Spec
}

// formers are the usages of services that were removed.
type formers map[former]*usage

// keep remembers a service that is removed. Its usage may go on with other sockets.
func (f formers) keep(v *service, spec sock.Spec, goesOn map[*usage]bool) {
	if v.used != nil && !goesOn[v.used] && len(f) < maxFormers {
		f[former{v.label, spec}] = v.used
	}
}

// recall gives a service that has come back what it had used.
func (f formers) recall(v *service, spec sock.Spec) {
	which := former{v.label, spec}
	u := f[which]
	delete(f, which)
	if v.used == nil && u != nil {
		u.fitness = fitness{}
		v.used = u
	}
}

// usages are those that services have.
func usages(services []*service) map[*usage]bool {
	all := map[*usage]bool{}
	for _, v := range services {
		if v.used != nil {
			all[v.used] = true
		}
	}
	return all
}
