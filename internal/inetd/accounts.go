package inetd

import (
	"fmt"
	"time"

	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/conf"
)

// accountsAge is how old the knowledge of users and groups may be.
const accountsAge = time.Second

// refreshAccounts looks whether the passwd or group file has changed since the
// load, at most once a second, and has the identities of all servers looked up
// again if so. The services stay as they are.
func (s *Server) refreshAccounts() {
	now := time.Now()
	if s.plan == nil || s.loading || now.Sub(s.checked) < accountsAge {
		return
	}
	s.checked = now
	if !s.plan.accounts.Changed() {
		return
	}
	was := s.plan
	s.loading = true
	cfg, ask := s.cfg, s.getent()
	go func() {
		p := was.identify(&cfg, s.starter, ask)
		s.mail.post(func() { s.identified(was, p) })
	}()
}

// identified has servers started from now on run under the profiles of p.
func (s *Server) identified(was, p *plan) {
	s.loading = false
	was.accounts = p.accounts
	for _, pr := range p.problems {
		s.log.Errorf("%s", pr.Text)
	}
	for _, v := range s.services {
		profile, ok := p.profiles[v.do.account]
		if ok && v.do.program != nil {
			v.do.program.Profile = profile
		}
	}
	if s.again {
		s.reload(nil)
	}
}

// identify looks the users of a plan up again and returns a plan of nothing but
// their profiles. A user who is gone keeps the old one, which is reported.
func (p *plan) identify(cfg *Config, starter *child.Starter, ask getent) *plan {
	l := &loader{cfg: cfg, starter: starter, getent: ask, env: environment(cfg.KeepEnv)}
	l.plan.profiles = map[question]*child.Profile{}
	var err error
	if l.plan.accounts, err = account.Open(passwdFile, groupFile, account.Getent(ask)); err != nil {
		l.plan.accounts = p.accounts
		l.complain(err)
		return l.result()
	}
	for q := range p.profiles {
		cred, err := l.credential(q)
		if err == nil {
			l.plan.profiles[q], err = starter.Profile(l.env, cred)
		}
		if err != nil {
			l.complain(err)
		}
	}
	l.plan.accounts.Forget()
	return l.result()
}

func (l *loader) complain(err error) {
	text := fmt.Sprintf("%v; servers run with the identity they had", err)
	l.plan.problems = append(l.plan.problems, problem{Problem: conf.Problem{Severity: conf.Error, Text: text}})
}
