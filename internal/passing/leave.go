package passing

import (
	"inetd/internal/child"
	"inetd/internal/demand"
	"inetd/internal/handover"
	"inetd/internal/readiness"
	"inetd/internal/relay"
	"inetd/internal/table"
)

// Relays and servers are the daemon's children, and go on through an upgrade. The new
// program gets what is known of them, and the daemon's end of each pair.

// Saved returns what the next program has to know of relays and servers. number gives the
// number of a service.
func (rs *Relays) Saved(number func(*table.Service) int) (list []handover.Demand) {
	for _, p := range rs.services {
		rs.renew(p) // even a reload that changes nothing makes another service, which has the sockets
		list = append(list, rs.saved(p, number(p.svc)))
	}
	for _, p := range rs.relays {
		if p.retired {
			list = append(list, rs.saved(p, number(p.svc)))
		}
	}
	return list
}

func (rs *Relays) saved(p *passing, service int) handover.Demand {
	d := handover.Demand{Service: service, Last: p.last, In: p.in, Out: p.out, Retired: p.retired}
	if p.fd >= 0 {
		d.FD, d.Relay, d.Words, d.Unsaid, d.Trusts = p.fd, p.pid, rs.words[p.pid].FD(), p.orders.Unsaid, p.trusts
		d.Causes = !p.elder
	}
	for id, c := range p.clients {
		d.Clients = append(d.Clients, handover.Passenger{ID: id, Begun: c.begun, Counts: c.counts, Source: c.Source, From: c.From})
	}
	if b := p.back; b != nil {
		d.Server = &handover.Server{Machine: b.Machine, Session: b.session, Path: b.path, User: b.user, Words: rs.words[b.PID].FD()}
		if b.ready != nil {
			d.Server.Ready = b.ready.FD
		}
	}
	return d
}

// Inherit takes over what the program before an upgrade left of a service. v has no
// program to start yet. Nothing is polled before GoOn.
func (rs *Relays) Inherit(v *table.Service, from handover.Demand) {
	p := &passing{svc: v, fd: -1, clients: map[uint32]passenger{}, last: from.Last, in: from.In, out: from.Out, retired: from.Retired, inherited: true}
	for _, c := range from.Clients {
		p.clients[c.ID] = passenger{Client{Conn: -1, Source: c.Source, From: c.From}, c.Begun, c.Counts}
	}
	if from.Server != nil {
		p.back = rs.inheritServer(p, from.Server)
	}
	if from.FD != 0 {
		rs.loop.Starter.Note(from.FD)
		p.fd, p.pid, p.orders, p.trusts = from.FD, from.Relay, relay.Commands{Unsaid: from.Unsaid}, from.Trusts
		p.elder = !from.Causes
		rs.relays[p.fd] = p
		rs.resume(p.pid, from.Words, func(st child.Status, said string) { rs.relayEnded(v, v.Do.Program, st, said) })
	}
	if !p.retired {
		rs.services[v.Usage()] = p
	}
}

func (rs *Relays) inheritServer(p *passing, from *handover.Server) *backend {
	b := &backend{Machine: from.Machine, session: from.Session, path: from.Path, user: from.User, counted: from.Machine.Over}
	b.Limits = limitsOf(p.svc.Do)
	if b.Begun.IsZero() {
		b.Begun = b.Since // an older program has not kept it
	}
	if from.Ready != 0 {
		rs.loop.Starter.Note(from.Ready)
		b.ready = &readiness.Socket{FD: from.Ready}
		rs.readying[from.Ready] = p
	}
	if rs.resume(b.PID, from.Words, func(st child.Status, said string) { rs.backendEnded(p, st, said) }) {
		rs.loop.Running.LimitTime(rs.loop.Running.Find(b.PID))
	}
	return b
}

// GoOn goes on with what was inherited, once the entries are in force.
func (rs *Relays) GoOn() {
	for _, p := range rs.services {
		rs.renew(p)
		if p.fd < 0 && p.back != nil {
			rs.act(p, nil)
		}
	}
	for fd := range rs.readying {
		rs.loop.Poll.Add(fd, rs.loop.Ready, fd)
	}
	for fd, p := range rs.relays {
		rs.loop.Poll.Add(fd, rs.loop.Relay, fd)
		rs.ordered(p, p.orders.Flush(fd))
		if p.back != nil {
			rs.settle(p)
		}
		rs.lull(p)
	}
}

// settle starts again whatever was being found out when the upgrade came.
func (rs *Relays) settle(p *passing) {
	b := p.back
	if b.Stage == demand.Stopped || b.Stage == demand.Stopping || b.Stage == demand.Ready && p.trusts {
		rs.act(p, nil)
		return
	}
	rs.act(p, append([]demand.Act{demand.Hold}, b.Anew()...))
	if b.Late && !b.Over {
		rs.examineLate(p)
	}
}

// renew gives a relay and its server the service now in force in place of theirs, if it
// has the same usage and user and needs the same relay. It reports whether it has.
func (rs *Relays) renew(p *passing) bool {
	v := rs.loop.Now.Successor(p.svc)
	if v == nil || v.Used != p.svc.Used || !v.Do.Passes() || v.Do.User != p.svc.Do.User || relayConfig(v.Do) != relayConfig(p.svc.Do) {
		return false
	}
	p.svc, p.inherited = v, false
	if b := p.back; b != nil {
		b.Limits, b.user = limitsOf(v.Do), userID(v.Do)
	}
	return true
}
