package admission

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/running"
	"inetd/internal/table"
)

// punished reports whether a client is refused because of its penalties.
func (d *Door) punished(v *table.Service, c *client.Client) bool {
	u := v.Usage()
	if v.Do.Penalty == nil || u.Debts == nil || !u.Debts.Refuses(time.Now(), c.Source) {
		return false
	}
	u.Refused.Penalty++
	return true
}

// punish gives the source of a client a penalty, and logs if the source is now refused.
func (d *Door) punish(v *table.Service, c *client.Client, by time.Duration, what string) {
	p := v.Do.Penalty
	if p == nil || by == 0 || c.Peer.IsValid() && p.Exempt.Has(c.Peer.Addr()) {
		return
	}
	u := v.Usage()
	if u.Debts == nil {
		u.Debts = &limit.Ledger{}
	}
	if until, begins := u.Debts.Punish(time.Now(), c.Source, by, p.Terms); begins {
		d.log.Noticef("%s from %s is refused until %s: %s (%s)", v.Label, c.Source, until.Format(time.TimeOnly), what, d.log.PlaceOf(v, "penalty"))
	}
}

// Ended gives a client of a service with penalties the penalty for how its server has
// ended, unless the daemon has ended the server.
func (d *Door) Ended(p *running.Process, st child.Status) {
	v := p.Service
	if st.Stage != child.Run || p.Kill != 0 {
		return
	}
	switch {
	case st.Wait.Signaled() && child.Crash(st.Wait.Signal()):
		d.punish(v, &p.Client, v.Do.Penalty.Crash, "its server crashed, "+child.How(st.Wait))
	case st.Wait.ExitStatus() > 0:
		d.punish(v, &p.Client, v.Do.Penalty.Fail, "its servers fail, "+child.How(st.Wait))
	}
}

// Blame counts a client that was refused by rules, and gives it the penalty for that.
func (d *Door) Blame(v *table.Service, c *client.Client) {
	v.Usage().Refused.Rules++
	if v.Do.Penalty != nil {
		d.punish(v, c, v.Do.Penalty.Refused, "it was refused by rules")
	}
}
