// This file runs the daemon's own programs, such as getent, which the loop reaps together
// with the servers.

package inetd

import (
	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/command"
	"inetd/internal/getent"
	"inetd/internal/running"
	"inetd/internal/table"
)

// runner makes what runs the daemon's own programs, which are reaped with the servers.
func (s *Server) runner() *command.Runner {
	return &command.Runner{
		Starter: s.starter, Post: s.mail.Post,
		Track: func(pid int, ended func(child.Status)) { s.running.Track(pid, &running.Process{Done: ended}, true) },
	}
}

// getent returns a function that asks getent(1). The function must not be called on the
// loop, because the loop starts and reaps the processes of getent.
func (s *Server) getent() func(database, key string) (line string, found bool, err error) {
	return getent.New(s.commands.FirstLine)
}

// spawn starts a command beside a server.
func (s *Server) spawn(v *table.Service, cmd string) {
	s.commands.Spawn(cmd, func(err error) { s.log.Errorf("%s: spawn: %v", v.Label, err) })
}

// userName looks up the name of a user. It may take as long as getent does, so only
// goroutines beside the loop call it. Nothing is cached: clients ask seldom.
func (s *Server) userName(v *table.Service, uid uint32) string {
	name, err := account.Name(account.PasswdFile, uid, account.Getent(s.getent()))
	if err != nil {
		s.log.Warningf("%s: user id %d: %v", v.Label, uid, err)
	}
	return name
}
