package plan

import (
	"slices"
	"strings"

	"inetd/internal/conf"
)

// muxPort is the port of tcpmux, whatever a services file calls it.
const muxPort = 1

// muxPlan is what a load knows of tcpmux.
type muxPlan struct {
	claims map[string]claim // by the name of the service in lower case
	first  conf.Entry       // the first entry that tcpmux hands out
	hosts  []string         // the hosts of all entries that tcpmux hands out
	open   bool             // one of these entries names no host, so it is for every address
	seen   bool             // there is an entry for tcpmux itself, good or bad
}

// muxEntry adds a service without a socket, which tcpmux hands out.
func (l *loader) muxEntry(e *conf.Entry) *Service {
	do := l.action(e, nil)
	if do == nil || !l.guarded(e, do) || !l.relayed(e, nil) {
		return nil
	}
	l.banners(e, do)
	v := l.service(e, do, 0)
	l.claimName(e, v)
	l.plan.Services = append(l.plan.Services, v)
	if strings.EqualFold(e.Service, "help") {
		l.report(e, e.Pos, conf.Warning, "no client can ask for it: help lists the services", "give it another name")
	}
	if e.Internal && !e.Plus {
		l.report(e, e.Pos, conf.Warning, "clients wait for a + in front, which an internal service does not send", "write tcpmux/+"+e.Service)
	}
	return v
}

// claimName gives the service of an entry its name in tcpmux. A later entry takes the
// name from an earlier one.
func (l *loader) claimName(e *conf.Entry, v *Service) {
	m := &l.mux
	key := strings.ToLower(e.Service)
	if before, taken := m.claims[key]; taken {
		hint := ""
		if before.svc.muxName() != e.Service {
			hint = "upper and lower case are the same to tcpmux"
		}
		l.report(e, e.Pos, conf.Warning, "replaces the entry of "+before.seenFrom(e.Pos.File), hint)
		before.svc.withdraw()
	}
	if m.claims == nil {
		m.claims, m.first = map[string]claim{}, *e
	}
	m.claims[strings.Clone(key)] = claim{v, e.Pos.File, e.Pos.Line}
	m.hosts = append(m.hosts, e.Hosts...)
	m.open = m.open || len(e.Hosts) == 0
}

// withdraw stops tcpmux from handing out the service.
func (v *Service) withdraw() {
	do := *v.Do
	do.Mux = false
	v.Do = &do
}

// muxName returns the name by which clients of tcpmux ask for the service.
func (v *Service) muxName() string { return strings.TrimPrefix(v.Label, muxLabel) }

// muxLabel begins the labels of the services that tcpmux hands out.
const muxLabel = MuxName + "/"

// muxListener inserts an entry for tcpmux itself, as GNU inetutils does, if there are
// services for it to hand out and no such entry.
func (l *loader) muxListener() {
	ours := func(v *Service) bool { return v.Do.Builtin == MuxName && len(v.Sockets) > 0 }
	if l.mux.claims == nil || slices.ContainsFunc(l.plan.Services, ours) {
		return
	}
	if l.mux.seen {
		l.report(&l.mux.first, l.mux.first.Pos, conf.Warning, "tcpmux itself is not served, so no client can ask for it", "an entry for tcpmux must be internal and free of errors")
		return
	}
	e := conf.Entry{
		Pos: l.mux.first.Pos, Service: MuxName, Proto: "tcp", Word: "tcp", Internal: true,
		Limits: conf.Limits{Starts: conf.Unset, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset},
	}
	if !l.mux.open {
		e.Hosts = slices.Compact(slices.Sorted(slices.Values(l.mux.hosts)))
	}
	l.report(&e, e.Pos, conf.Hint, "inserting default tcpmux entry", "")
	l.take(&e)
}

// isMux reports whether an entry is for tcpmux itself, by its name or port.
func isMux(e *conf.Entry, port *officialPort) bool {
	return e.Service == MuxName || port != nil && port.number == muxPort
}
