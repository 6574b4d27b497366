// Package admission decides whether a client is served, as far as that can be decided at
// once: by the hours and the load of the machine, sensors, penalties, the addresses in
// the keys allow and deny, a full service that refuses clients, and the limits of a
// source. In goes a client that was just accepted; out comes whether it goes on, and if
// so its start is counted. A refusal is counted and logged, and may come with a text.
//
// What takes longer, such as host names, is left to an inquiry (package inquiry), which
// comes next. The limits of a service as a whole are checked before a client is accepted:
// see package inetd.
package admission

import (
	"net/netip"
	"time"

	"inetd/internal/client"
	"inetd/internal/inquiry"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/machine"
	"inetd/internal/table"
	"inetd/internal/zone"
)

// Door admits clients or refuses them. It belongs to the goroutine of the event loop.
type Door struct {
	Load   machine.Load  // of the machine
	Sensed *limit.Ledger // clients that have touched a sensor; nil: nobody has

	log       *logbook.Book
	now       *table.InForce
	inquiries *inquiry.Desk
	clock     *zone.Clock
}

// New makes a Door to the services in force.
func New(log *logbook.Book, now *table.InForce, inquiries *inquiry.Desk, clock *zone.Clock) *Door {
	return &Door{log: log, now: now, inquiries: inquiries, clock: clock}
}

// Admit reports whether a client may be served, and if so counts its start at the time
// now. The limits of its source are applied before the start is counted, so that one
// client cannot use up a service.
func (d *Door) Admit(v *table.Service, c *client.Client, now time.Time) bool {
	u := v.Usage()
	u.LastClient = now.Unix()
	if (v.Do.Keys != nil || v.Do.Guarded || d.Sensed != nil) && d.turnsAway(v, c, now) {
		return false
	}
	r := u.Admit(now, c.Source, v.Do.Limits)
	if r.Why == "" {
		return true
	}
	u.Refused.Limit++
	key := "source_max"
	if r.Rate {
		key = "ip_max"
	}
	d.log.Exceeded(v, c.Who(v), "exceeded "+r.String(), r.Limit, key)
	return false
}

// turnsAway reports whether a client is refused because of the keys of an entry, or
// because it has touched a sensor.
func (d *Door) turnsAway(v *table.Service, c *client.Client, now time.Time) bool {
	return d.shuts(v, c, now) || d.senses(v, c, now) || d.touched(v, c, now) || d.punished(v, c) || !d.welcomes(v, c) || d.tooFull(v, c, now)
}

// Hears reports whether a datagram from a peer is welcome at a builtin.
func (d *Door) Hears(v *table.Service, peer netip.AddrPort) bool {
	c, now := client.Client{Peer: peer}, time.Now()
	return !d.shuts(v, &c, now) && !d.touched(v, &c, now) && d.welcomes(v, &c)
}

// RepliesPerMin bounds a builtin's datagrams per minute to a source not on this machine.
const RepliesPerMin = 6000

// Answers reports whether a builtin may send a datagram to a source, which may be forged,
// and if so counts it. The limit is that of the entry or else RepliesPerMin. Without a
// limit in the entry, this machine may have any number.
func (d *Door) Answers(v *table.Service, source netip.Addr) bool {
	l := v.Do.Limits
	if l.PerMinute == 0 && !source.IsLoopback() {
		l.PerMinute, l.SourceWindow = RepliesPerMin, 0
	}
	return l.PerMinute == 0 || v.Usage().Reply(time.Now(), v.Do.Source(source), l)
}
