package inetd

import (
	"io"
	"os"

	"inetd/internal/account"
	"inetd/internal/conf"
)

// Check loads the configuration, opens nothing, and writes what a daemon
// started by root would open and every problem: as text, or with asJSON as one
// object. It returns the number of errors.
func Check(c Config, w io.Writer, asJSON bool) (errors int) {
	r := inspect(c)
	if asJSON {
		r.writeJSON(w)
	} else {
		r.writeText(w)
	}
	return r.count(conf.Error)
}

// inspect loads the configuration in a Server that never serves: getent needs
// its event loop.
func inspect(c Config) *report {
	s, err := New(c)
	if err != nil {
		return newReport(&Config{}, &plan{err: err}, nil)
	}
	defer s.close()
	l := newLoader(&s.cfg, s.starter, s.getent())
	var r *report
	go func() {
		found := l.inspect(os.Geteuid())
		s.mail.post(func() { r = found })
	}()
	for r == nil {
		s.turn()
	}
	return r
}

// inspect is a load for a report to the user uid.
func (l *loader) inspect(uid int) *report {
	l.checking = true
	p := l.load()
	p.problems = append(p.problems, l.ruleProblems()...)
	p.problems = append(p.problems, l.lint(uid)...)
	sortProblems(p.problems)
	return newReport(l.cfg, p, l.notes)
}

// note is what became of an entry. Services keep little of it, because they are
// many and stay.
type note struct {
	entry *conf.Entry
	svc   *service             // nil: not served
	who   *account.Credentials // nil: unknown, or whoever the daemon is
}

func (l *loader) note(e *conf.Entry, v *service) {
	kept := *e // which is valid until the next entry
	n := note{entry: &kept, svc: v}
	if c, err := l.plan.accounts.Lookup(e.User, e.Group); e.User != "" && err == nil {
		n.who = &c
	}
	l.notes = append(l.notes, n)
}

// served reports whether clients have a way to the entry: it may be in order and
// yet lose all its sockets to later ones.
func (n note) served() bool { return n.svc != nil && n.svc.reachable() }
