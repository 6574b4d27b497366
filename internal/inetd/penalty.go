package inetd

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/prefix"
)

// penalty is what the entry of a service asks for by the keys penalty: the end of a
// server is evidence about its client.
type penalty struct {
	conf.Penalties
	terms  limit.Terms
	exempt prefix.Set
}

// penaltyOf is what the keys of an action ask for. The sender of a datagram may be
// forged, and the clients of a wait server are not known: nil.
func penaltyOf(do *plan.Action, k *conf.Keys) *penalty {
	if k.Penalties == (conf.Penalties{}) || do.Mode != plan.Accept {
		return nil
	}
	return &penalty{Penalties: k.Penalties, terms: plan.TermsOf(k), exempt: prefix.New(k.PenaltyExempt)}
}

// punished reports whether a client is refused because of its penalties.
func (s *Server) punished(v *service, c *client) bool {
	u := v.usage()
	if v.do.penalty == nil || u.debts == nil || !u.debts.Refuses(time.Now(), c.source) {
		return false
	}
	u.Refused.Penalty++
	return true
}

// punish makes the source of a client pay for something.
func (s *Server) punish(v *service, c *client, by time.Duration, what string) {
	p := v.do.penalty
	if p == nil || by == 0 || c.peer.IsValid() && p.exempt.Has(c.peer.Addr()) {
		return
	}
	u := v.usage()
	if u.debts == nil {
		u.debts = &limit.Ledger{}
	}
	if until, begins := u.debts.Punish(time.Now(), c.source, by, p.terms); begins {
		s.log.Noticef("%s from %s is refused until %s: %s (%s)", v.label, c.source, until.Format(time.TimeOnly), what, s.placeOf(v, "penalty"))
	}
}

// judge makes a client pay for how its server has ended, unless the daemon has ended
// it.
func (s *Server) judge(p *process, st child.Status) {
	v := p.svc
	if v.do.penalty == nil || st.Stage != child.Run || p.kill != 0 {
		return
	}
	switch {
	case st.Wait.Signaled() && child.Crash(st.Wait.Signal()):
		s.punish(v, &p.client, v.do.penalty.Crash, "its server crashed, "+child.How(st.Wait))
	case st.Wait.ExitStatus() > 0:
		s.punish(v, &p.client, v.do.penalty.Fail, "its servers fail, "+child.How(st.Wait))
	}
}

// blame makes a client pay for having been refused by rules.
func (s *Server) blame(v *service, c *client) {
	v.usage().Refused.Rules++
	if v.do.penalty != nil {
		s.punish(v, c, v.do.penalty.Refused, "it was refused by rules")
	}
}
