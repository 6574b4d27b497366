// This file accepts the connection of a client and has it admitted, which takes the
// loop's scratch and the stages from gate to talk.

package inetd

import (
	"errors"

	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// readable serves what has come in on a socket.
func (s *Server) readable(k *table.Socket) {
	s.refreshAccounts()
	switch k.Service.Do.Mode {
	case plan.Accept:
		s.accept(k)
	case plan.Answer:
		s.answer(k)
	case plan.Connect:
		s.receive(k)
	case plan.Lend:
		s.lend(k)
	}
}

// accept takes one connection and serves it. If there are more, the socket is
// still readable when the others have had their turn.
func (s *Server) accept(k *table.Socket) {
	v := k.Service
	if !s.gate.MayStart(v) {
		return
	}
	conn, err := sock.Accept(int(k.FD), &s.peer)
	if err != nil {
		s.acceptFailed(k, err)
		return
	}
	v.Usage().Accepted++
	c := s.newClient(k, conn)
	if v.Do.Proxies != nil {
		u := v.Usage()
		s.arrivals.Await(k, c, func(c *client.Client) {
			if c != nil {
				s.receiveClient(k.Service, c)
			}
			s.gate.Unhold(u)
		})
		return
	}
	s.receiveClient(v, &c)
}

// receiveClient admits a client, or ends its connection.
func (s *Server) receiveClient(v *table.Service, c *client.Client) {
	if v.Do.Keys != nil {
		s.door.Greet(v, c.Conn)
	}
	if !s.door.Admit(v, c, s.turned) || v.Do.Stays() && !s.talks.Enter(v, c) {
		s.sendAway(v, c.Conn)
		return
	}
	s.attend(v, c)
}

// newClient returns the client of a connection that has just been accepted.
func (s *Server) newClient(k *table.Socket, conn int) client.Client {
	c := client.Client{Conn: conn, Peer: s.peer.AddrPort()}
	switch k.Spec.Family {
	case unix.AF_UNIX:
		c.Cred = sock.Credentials(conn)
		c.Source = limit.User(c.Cred.Uid)
	case unix.AF_VSOCK:
		c.Source = limit.Machine(s.peer.CID())
	default:
		c.Source = k.Service.Do.Source(c.Peer.Addr())
	}
	return c
}

// acceptFailed handles an error of accept. The error of a connection that is already gone
// is ignored. After any other error the connection may still be in the queue, as when a
// security module forbids accepting it, so the socket is not polled for a while.
func (s *Server) acceptFailed(k *table.Socket, err error) {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) || sock.Gone(err) {
		return
	}
	s.gate.Rest(k, "accept", err)
}
