package plan

import (
	"inetd/internal/account"
	"inetd/internal/conf"
	"inetd/internal/report"
)

// Check loads the configuration and returns a report for the user host.UID. It says what
// a daemon started by root would open, and has every problem, also those that a log
// would repeat at every reload.
func Check(cfg *Config, host *Host) *report.Report {
	l := run(cfg, host, true)
	l.lintRules()
	l.lint(host.UID)
	sortProblems(l.plan.Problems)
	return l.reportOf(l.result())
}

// note is an entry with the result of its load, for a report.
type note struct {
	entry *conf.Entry
	svc   *Service             // nil: not served
	who   *account.Credentials // nil: unknown, or the daemon's own
}

func (l *loader) note(e *conf.Entry, v *Service) {
	kept := *e // e is valid only until the next entry
	n := note{entry: &kept, svc: v}
	if c, err := l.plan.Accounts.Lookup(e.User, e.Group); e.User != "" && err == nil {
		n.who = &c
	}
	l.notes = append(l.notes, n)
}

// served reports whether clients can get to the entry's service. A correct entry may
// lose all its sockets to later entries.
func (n note) served() bool { return n.svc != nil && n.svc.reachable() }
