// This file lends the socket of a wait service to a server, and notes in the table which
// process has it.

package inetd

import (
	"time"

	"inetd/internal/client"
	"inetd/internal/environ"
	"inetd/internal/limit"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/table"
)

// lend gives the socket itself to a wait server. Until the server has ended, the daemon
// does not poll the socket.
func (s *Server) lend(k *table.Socket) {
	v := k.Service
	if !s.gate.MayStart(v) {
		return
	}
	first, err := s.firstClient(k)
	if err != nil { // EAGAIN: another process has taken the datagram
		s.gate.Arm(k)
		return
	}
	if !s.door.Admit(v, &first, s.turned) {
		sock.Consume(int(k.FD), k.Spec)
		s.gate.Arm(k)
		return
	}
	queued := k.Queued()
	s.env = environ.Append(s.env[:0], "PROTO", v.Do.Proto)
	s.env = (&delayed{svc: v, client: first}).appendHost(s.env)
	if v.Do.Listen {
		s.env = environ.AppendListen(s.env, v.Label)
	}
	pid := 0
	e, err := s.stderrs.Open(v)
	if err == nil {
		pid, err = s.starter.Lend(v.Do.Program, int(k.FD), e.Write(), s.env)
	}
	if err != nil {
		e.Unused()
		v.Usage().Withdraw(limit.Source{})
		s.gate.Rest(k, "fork", err)
		return
	}
	k.Server = int32(pid)
	v.Usage().Started++
	s.gate.Disarm(k)
	p := &running.Process{Service: v, Program: v.Do.Program, Lent: k, Queued: queued, Begun: time.Now().UnixNano()}
	now := s.running.Track(pid, p, true)
	s.oversee(e, now)
}

// firstClient returns the client that a wait server is started for, where that matters:
// the sender of the first datagram, if it may be refused or the server is told of it. It
// has no Source: who else the server will serve is unknown, so limits of sources are moot.
func (s *Server) firstClient(k *table.Socket) (c client.Client, err error) {
	do := k.Service.Do
	if !do.Listens && (do.Guarded || s.door.Sensed != nil || do.Keys != nil && do.Keys.RemoteHost) {
		var p sock.Packet
		err = p.Peek(int(k.FD))
		c.Peer = p.Peer.AddrPort()
	}
	return c, err
}
