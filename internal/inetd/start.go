package inetd

import (
	"cmp"
	"os"
	"strconv"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/command"
	"inetd/internal/compile"
	"inetd/internal/environ"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/table"
	"inetd/internal/wrap"
)

// launch starts the server of a client. If it cannot, the client is still its
// caller's.
func (s *Server) launch(d *delayed) (pid int, err error) {
	v, c := d.svc, d.client
	if d.program == v.Do.Program && v.Do.Passes() {
		return s.pass(v, c)
	}
	s.env = s.clientEnv(s.env[:0], v, c)
	if d.inquiry != nil {
		s.env = d.inquiry.appendNames(s.env)
	}
	s.env = d.appendHost(s.env)
	e, kept, probe, cookie := noStderr, 0, 0, uint64(0)
	if v.Do.Keys != nil {
		if e, err = s.stderrOf(v); err != nil {
			return 0, err
		}
		kept, cookie = s.keepConn(v, c.Conn), cookieOf(v, c.Conn)
	}
	if v.Usage().Suspect {
		probe = s.doctor.Probe(v, c.Conn)
	}
	pid, err = s.starter.Start(d.program, c.Conn, e.write, s.env)
	if err != nil {
		e.unused()
		closeKept(kept)
		closeKept(probe)
		return 0, err
	}
	v.Usage().Started++
	prompt := c.Session != nil || v.Do.Limits.Counts() || v.Do.Penalty != nil || kept > 0 || probe > 0 || s.cfg.LogConnections || s.cfg.Processes > 0
	p := &running.Process{Service: v, Program: d.program, Client: c, Kept: kept, Probe: probe, Cookie: cookie, Begun: time.Now().UnixNano()}
	now := s.running.Track(pid, p, prompt)
	if prompt || v.Do.Keys != nil {
		s.oversee(e, pid, now)
	}
	return pid, nil
}

// oversee does for a server that has just started what its entry, the command line or
// a suspicion asks for.
func (s *Server) oversee(e stderrPipe, pid int, p *running.Process) {
	s.hear(e, pid, p)
	s.doctor.Watch(p)
	s.logStart(p, pid)
	s.limitTime(pid, p)
	s.limitIdle(pid, p)
}

// clientEnv appends what a server is told of its client.
func (s *Server) clientEnv(b []byte, v *table.Service, c client.Client) []byte {
	b = environ.Append(b, "PROTO", v.Do.Proto)
	if c.Cred.Pid != 0 {
		return environ.AppendPeer(b, c.Cred.Uid, c.Cred.Gid, c.Cred.Pid)
	}
	if !c.Peer.IsValid() {
		return b
	}
	local := c.Local(&s.local)
	if !local.IsValid() {
		return b
	}
	return environ.AppendEnds(b, local, c.Peer)
}

// prepare makes the program that is to be started in place of the one of the
// service, if there is to be one: a command, or the server with another
// environment or user.
func (s *Server) prepare(q *inquiry, do *table.Action) {
	a := q.answer
	other := a.Env != nil || a.AsUser != "" || a.AsGroup != "" || a.Umask >= 0 || a.Nice != 0
	if a.Twist == "" && (!other || !a.Allow || do.Builtin != "" || do.Passes()) {
		return
	}
	var err error
	q.program, err = s.programFor(a, do)
	a.Refuse(err)
}

func (s *Server) programFor(a *wrap.Answer, do *table.Action) (*child.Program, error) {
	cred, err := s.credentialFor(a, do)
	if err != nil {
		return nil, err
	}
	setup := compile.Setup(do.Keys)
	setup.Nice += a.Nice
	if a.Umask >= 0 {
		setup.HasUmask, setup.Umask = true, uint32(a.Umask)
	}
	env := compile.Environment(do.Keys, s.environment())
	profile, err := s.starter.Profile(environ.With(env, a.Env), cred, setup)
	if err != nil {
		return nil, err
	}
	if a.Twist != "" {
		return profile.Program(command.Shell, []string{"sh", "-c", a.Twist})
	}
	return compile.Program(profile, do.Action, do.Keys, strings.Split(do.Argv, "\x00"))
}

// credentialFor looks up the user of the entry, or whom the rule wants instead.
func (s *Server) credentialFor(a *wrap.Answer, do *table.Action) (*child.Credential, error) {
	who := do.User
	if a.AsUser != "" {
		who = plan.User{Name: a.AsUser, Group: a.AsGroup}
	} else if a.AsGroup != "" {
		who = plan.User{Name: cmp.Or(who.Name, strconv.Itoa(os.Geteuid())), Group: a.AsGroup}
	}
	host := machine.Host() // this is beside the loop
	host.Getent = s.getent()
	accounts, err := host.OpenAccounts()
	if err != nil {
		return nil, err
	}
	id, err := host.Identity(accounts, who)
	return compile.Credential(id), err
}

// appendNames appends the variables for the names of both ends, as far as they
// are known.
func (q *inquiry) appendNames(b []byte) []byte {
	if !q.Named {
		return b
	}
	if name := q.answer.LocalName; name != "" {
		b = environ.Append(b, "TCPLOCALHOST", name)
	}
	if name := q.answer.PeerName; name != "" {
		b = environ.Append(b, "TCPREMOTEHOST", name)
		b = environ.Append(b, "REMOTE_HOST", name)
	}
	return b
}

// appendHost appends REMOTE_HOST with the address of a client whose name is not
// known, if the entry wants that, as xinetd sets it for all.
func (d *delayed) appendHost(b []byte) []byte {
	k, peer := d.svc.Do.Keys, d.client.Peer
	if k == nil || !k.RemoteHost || !peer.IsValid() || d.inquiry.named() {
		return b
	}
	return environ.AppendAddr(b, "REMOTE_HOST", peer.Addr())
}

// named reports whether the name of the client is known, and wanted.
func (q *inquiry) named() bool { return q != nil && q.Named && q.answer.PeerName != "" }

// environment is what every server gets of the daemon's own.
func (s *Server) environment() []string { return environ.Common(os.Environ(), s.cfg.KeepEnv) }
