package inetd

import (
	"inetd/internal/child"
	"inetd/internal/command"
	"inetd/internal/getent"
	"inetd/internal/running"
	"inetd/internal/table"
)

// runner is what runs the daemon's own programs. Their ends are reaped with those of
// the servers.
func (s *Server) runner() *command.Runner {
	return &command.Runner{
		Starter: s.starter, Post: s.mail.Post,
		Track: func(pid int, ended func(child.Status)) { s.running.Track(pid, &running.Process{Done: ended}, true) },
	}
}

// getent returns a function that asks getent(1). It is not to be called on the loop,
// which starts and reaps its processes.
func (s *Server) getent() func(database, key string) (line string, found bool, err error) {
	return getent.New(s.commands.FirstLine)
}

// spawn starts a command beside a server.
func (s *Server) spawn(v *table.Service, cmd string) {
	s.commands.Spawn(cmd, func(err error) { s.log.Errorf("%s: spawn: %v", v.Label, err) })
}
