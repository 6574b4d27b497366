package inetd

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/wrap"

	"golang.org/x/sys/unix"
)

// start runs the server of a nowait service for a client that has been
// admitted. It takes over the connection.
func (s *Server) start(v *service, c client) error {
	s.env = s.clientEnv(s.env[:0], v, c)
	_, err := s.launch(v, c, v.do.program)
	return err
}

// launch starts a program for a client, with s.env.
func (s *Server) launch(v *service, c client, g *child.Program) (pid int, err error) {
	v.welcome(c)
	pid, err = s.starter.Start(g, c.conn, s.env)
	if err != nil {
		s.release(v, c.source)
		return 0, err
	}
	prompt := c.talk != nil || v.do.Limits.Counts() || s.cfg.LogConnections || s.cfg.Processes > 0
	p := process{svc: v, program: g, client: c, begun: time.Now().UnixNano()}
	s.logStart(s.track(pid, p, prompt), pid)
	return pid, nil
}

// clientEnv appends what a server is told of its client.
func (s *Server) clientEnv(b []byte, v *service, c client) []byte {
	b = appendVar(b, "PROTO", v.do.Proto)
	if c.cred.Pid != 0 {
		return appendCred(b, &c.cred)
	}
	if !c.peer.IsValid() || sock.Local(c.conn, &s.local) != nil {
		return b
	}
	return appendEnds(b, s.local.AddrPort(), c.peer)
}

// startFor starts a program for a client as a rule wants it, and returns the
// process that serves the client.
func (s *Server) startFor(v *service, c client, q *inquiry, g *child.Program) (pid int) {
	c.room.Leave() // of a builtin: a process serves the client instead
	if q.answer.Umask >= 0 {
		// The child inherits the mask, and nothing else makes files meanwhile.
		defer unix.Umask(unix.Umask(q.answer.Umask))
	}
	s.env = q.appendNames(s.clientEnv(s.env[:0], v, c))
	pid, err := s.launch(v, c, g)
	if err != nil {
		s.log.Errorf("%s: fork: %s", v.label, strerror.Call(err))
		return os.Getpid()
	}
	if q.answer.Nice != 0 {
		s.renice(v, pid, q.answer.Nice)
	}
	return pid
}

// renice adds to the nice value of a process, which is as yet the daemon's. What
// that has forked meanwhile runs without it.
func (s *Server) renice(v *service, pid, n int) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, pid, 20-own+n) // getpriority(2): the kernel answers 20 minus the value
	}
	if err != nil {
		s.log.Warningf("%s: nice %d: %s", v.label, n, strerror.Call(err))
	}
}

// prepare makes the program that is to be started in place of the one of the
// service, if there is to be one: a command, or the server with another
// environment or user.
func (s *Server) prepare(q *inquiry, do *action) {
	a := q.answer
	other := a.Env != nil || a.AsUser != "" || a.AsGroup != ""
	if a.Twist == "" && (!other || !a.Allow || do.Builtin != "") {
		return
	}
	var err error
	q.program, err = s.programFor(a, do)
	a.Refuse(err)
}

func (s *Server) programFor(a *wrap.Answer, do *action) (*child.Program, error) {
	path, argv := do.Path, strings.Split(do.Argv, "\x00")
	if a.Twist != "" {
		path, argv = shellPath, []string{"sh", "-c", a.Twist}
	}
	cred, err := s.credentialFor(a, do)
	if err != nil {
		return nil, err
	}
	profile, err := s.starter.Profile(s.environmentFor(a), cred)
	if err != nil {
		return nil, err
	}
	return profile.Program(path, argv)
}

// credentialFor looks up the user of the entry, or whom the rule wants instead.
func (s *Server) credentialFor(a *wrap.Answer, do *action) (*child.Credential, error) {
	who := do.User
	if a.AsUser != "" {
		who = plan.User{Name: a.AsUser, Group: a.AsGroup}
	} else if a.AsGroup != "" {
		who = plan.User{Name: cmp.Or(who.Name, strconv.Itoa(os.Geteuid())), Group: a.AsGroup}
	}
	host := s.host()
	accounts, err := host.OpenAccounts()
	if err != nil {
		return nil, err
	}
	id, err := host.Identity(accounts, who)
	return credential(id), err
}

// environmentFor is that of every server with the variables of a rule in place
// of its own.
func (s *Server) environmentFor(a *wrap.Answer) []string {
	env := environment(s.cfg.KeepEnv)
	for _, set := range a.Env {
		name, _, _ := strings.Cut(set, "=")
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, set)
	}
	return env
}

// appendNames appends the variables for the names of both ends, as far as they
// are known.
func (q *inquiry) appendNames(b []byte) []byte {
	if !q.Named {
		return b
	}
	if name := q.answer.LocalName; name != "" {
		b = appendVar(b, "TCPLOCALHOST", name)
	}
	if name := q.answer.PeerName; name != "" {
		b = appendVar(b, "TCPREMOTEHOST", name)
		b = appendVar(b, "REMOTE_HOST", name)
	}
	return b
}
