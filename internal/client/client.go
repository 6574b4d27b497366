// Package client says who is to be served. In go a connection and who is at its other end;
// out come what that peer counts as for the limits, words about it for the log, its local
// address, and what an upgrade keeps of it. All code from accept to the start of a server
// hands on a Client.
package client

import (
	"fmt"
	"net/netip"

	"inetd/internal/dgram"
	"inetd/internal/handover"
	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Client is a connection to be served, and who is at its other end. The function that a
// client is passed to owns the connection.
type Client struct {
	Conn    int            // a descriptor; -1: there is none
	Peer    netip.AddrPort // of an Internet client; not valid for others
	Cred    unix.Ucred     // of a client of a unix socket; Pid is 0 for others
	Source  limit.Source   // what the client counts as for limits
	Room    *limit.Member  // of a client of a builtin that stays
	Session *Session       // of a datagram client
	Named   bool           // its host name decides whether it is served
	Proxied *Proxied       // nil: it does not come through a proxy
}

// Proxied is what a proxy says of a connection, and who the proxy is.
type Proxied struct {
	Local netip.AddrPort // where the client has connected to
	By    netip.AddrPort
}

// Session is a client of a nowait datagram service, and the socket that is for it alone.
type Session = dgram.Session[*table.Socket]

// Of makes a Client, without a connection, of what Saved returned in the previous program.
func Of(from handover.Peer) Client {
	c := Client{Conn: -1, Peer: from.Addr, Source: from.Source, Named: from.Named}
	c.Cred = unix.Ucred{Pid: int32(from.PID), Uid: uint32(from.UID), Gid: uint32(from.GID)}
	if from.Proxy.IsValid() {
		c.Proxied = &Proxied{Local: from.Local, By: from.Proxy}
	}
	return c
}

// From words where a client comes from, with a blank before it, for a log line; or "".
func (c *Client) From() string {
	switch {
	case c.Cred.Pid != 0:
		return fmt.Sprintf(" from uid %d, process %d", c.Cred.Uid, c.Cred.Pid)
	case c.Proxied != nil:
		return " from " + c.Peer.String() + " by proxy " + c.Proxied.By.String()
	case c.Peer.IsValid():
		return " from " + c.Peer.String()
	case c.Source != (limit.Source{}):
		return " from " + c.Source.String()
	}
	return ""
}

// Who names a client that has reached a limit of a service, by what the limit counts.
func (c *Client) Who(v *table.Service) string {
	if c.Peer.IsValid() && v.Do.Bits.V4 == 0 {
		return c.Peer.Addr().String()
	}
	return c.Source.String()
}

// Local returns the local address of the client's connection, not valid if there is none.
// It uses scratch as its memory.
func (c *Client) Local(scratch *sock.Address) netip.AddrPort {
	if c.Proxied != nil {
		return c.Proxied.Local
	}
	if sock.Local(c.Conn, scratch) != nil {
		return netip.AddrPort{}
	}
	return scratch.AddrPort()
}

// Saved returns who a client is, in the form in which an upgrade hands it over.
func (c *Client) Saved() handover.Peer {
	to := handover.Peer{Addr: c.Peer, UID: int(c.Cred.Uid), GID: int(c.Cred.Gid), PID: int(c.Cred.Pid), Source: c.Source, Named: c.Named}
	if c.Proxied != nil {
		to.Local, to.Proxy = c.Proxied.Local, c.Proxied.By
	}
	return to
}
