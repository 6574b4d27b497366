// This file starts a process for a client, with the loop's scratch so that nothing is
// allocated, and sets up all that watches the process.

package inetd

import (
	"os"

	"inetd/internal/client"
	"inetd/internal/environ"
	"inetd/internal/idle"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// launch starts the server of a client. If it cannot, the caller still has the client.
func (s *Server) launch(d *delayed) (pid int, err error) {
	v, c := d.svc, &d.client
	if d.program == v.Do.Program && v.Do.Passes() {
		return s.pass(v, c)
	}
	s.env = s.clientEnv(s.env[:0], v, c)
	if d.inquiry != nil {
		s.env = d.inquiry.AppendNames(s.env)
	}
	s.env = d.appendHost(s.env)
	e, kept, probe, cookie := running.NoPipe(), 0, 0, uint64(0)
	if v.Do.Keys != nil {
		if e, err = s.stderrs.Open(v); err != nil {
			return 0, err
		}
		kept, cookie = s.keepConn(v, c.Conn), idle.Cookie(v, c.Conn)
	}
	if v.Usage().Suspect {
		probe = s.doctor.Probe(v, c.Conn)
	}
	pid, err = s.starter.Start(d.program, c.Conn, e.Write(), s.env)
	if err != nil {
		e.Unused()
		closeKept(kept)
		closeKept(probe)
		return 0, err
	}
	v.Usage().Started++
	prompt := c.Session != nil || v.Do.Limits.Counts() || v.Do.Penalty != nil || kept > 0 || probe > 0 || s.log.Connections || s.cfg.Processes > 0
	p := s.running.Begin(pid, prompt)
	p.Service, p.Program, p.Client, p.Begun = v, d.program, *c, s.turned.UnixNano()
	p.Kept, p.Probe, p.Cookie = kept, probe, cookie
	if prompt || v.Do.Keys != nil {
		s.oversee(e, p)
	}
	return pid, nil
}

// oversee sets up for a server that has just started what its entry, the command line or
// a suspicion asks for: logging, time limits, a closer look.
func (s *Server) oversee(e running.Pipe, p *running.Process) {
	s.stderrs.Hear(e, p)
	s.doctor.Watch(p)
	p.LogStart(s.log)
	s.running.LimitTime(p)
	s.idle.Limit(p)
}

// clientEnv appends the variables that tell a server of its client.
func (s *Server) clientEnv(b []byte, v *table.Service, c *client.Client) []byte {
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

// appendHost appends REMOTE_HOST with the address of a client whose name is not known, if
// the entry asks for the variable. xinetd sets it for every server.
func (d *delayed) appendHost(b []byte) []byte {
	k, peer := d.svc.Do.Keys, d.client.Peer
	if k == nil || !k.RemoteHost || !peer.IsValid() || d.inquiry.KnowsPeer() {
		return b
	}
	return environ.AppendAddr(b, "REMOTE_HOST", peer.Addr())
}

// environment returns the part of the daemon's own environment that every server gets.
func (s *Server) environment() []string { return environ.Common(os.Environ(), s.cfg.KeepEnv) }

// keepConn returns a second descriptor of a connection whose service has the key linger,
// or 0. If no descriptor is left, the client is served without the key.
func (s *Server) keepConn(v *table.Service, conn int) (kept int) {
	if v.Do.Keys == nil || v.Do.Keys.Linger == 0 || v.Do.Mode != plan.Accept {
		return 0
	}
	kept, err := s.starter.Copy(conn)
	if err != nil {
		s.log.Lack(v, "fcntl", err)
	}
	return kept
}

func closeKept(kept int) {
	if kept > 0 {
		unix.Close(kept)
	}
}
