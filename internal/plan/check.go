package plan

import (
	"inetd/internal/account"
	"inetd/internal/conf"
)

// Check loads the configuration for a report to the user of the Host. It says
// what a daemon started by root would open, and every problem, also those that a
// log would repeat at every reload.
func Check(cfg *Config, host *Host) *Report {
	l, p := run(cfg, host, true, 2*lookupTime)
	p.Problems = append(p.Problems, l.ruleProblems()...)
	p.Problems = append(p.Problems, l.lint(host.UID)...)
	sortProblems(p.Problems)
	return l.reportOf(p)
}

// note is what became of an entry, for a report.
type note struct {
	entry *conf.Entry
	svc   *Service             // nil: not served
	who   *account.Credentials // nil: unknown, or whoever the daemon is
}

func (l *loader) note(e *conf.Entry, v *Service) {
	kept := *e // which is valid until the next entry
	n := note{entry: &kept, svc: v}
	if c, err := l.plan.Accounts.Lookup(e.User, e.Group); e.User != "" && err == nil {
		n.who = &c
	}
	l.notes = append(l.notes, n)
}

// served reports whether clients have a way to the entry: it may be in order and
// yet lose all its sockets to later ones.
func (n note) served() bool { return n.svc != nil && n.svc.reachable() }
