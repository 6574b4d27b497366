// This file looks identities up again when the account files have changed, and puts them
// into the services of the table.

package inetd

import (
	"time"

	"inetd/internal/table"
)

// accountsAge is how old what is known of users and groups may be.
const accountsAge = time.Second

// refreshAccounts checks, at most once a second, whether the passwd or group file has
// changed since the load. If so, the identities of all servers are looked up again. The
// services stay as they are.
func (s *Server) refreshAccounts() {
	if !s.ready || s.loading || s.turned.Sub(s.checked) < accountsAge {
		return
	}
	s.checked = s.turned
	if s.attempts.Full() || !s.now.Accounts.Changed() {
		return
	}
	was, host, env := s.now.Generation, s.host(), s.environment()
	s.try(func() func() {
		now, errs := was.Identities(host, s.starter, env)
		return func() { s.identified(now, errs) }
	}, func() {
		s.log.Errorf("users and groups were not looked up within %v; servers run with the identity they had", loadTime)
	})
}

// identified puts the identities in now into force, for servers that start from now on.
func (s *Server) identified(now *table.Generation, errs []error) {
	s.loading = false
	for _, err := range errs {
		s.log.Errorf("%v; servers run with the identity they had", err)
	}
	if now.Accounts != nil {
		s.now.Accounts = now.Accounts
	}
	for _, v := range s.now.Services {
		profile, ok := now.Profiles[v.Do.Server()]
		if ok && v.Do.Program != nil {
			v.Do.Program.Profile = profile
		}
	}
	if s.again {
		s.reload(nil)
	}
}
