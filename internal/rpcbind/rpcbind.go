// Package rpcbind tells the local portmapper where the versions of an ONC RPC program are
// served. In goes a program, version, network and address; out comes an error or nothing.
// It speaks rpcbind version 4 over rpcbind's local socket, or portmap version 2 over TCP
// to 127.0.0.1 where nobody listens on that socket (RFC 1833).
package rpcbind

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// ErrAbsent says that no portmapper runs on this machine.
var ErrAbsent = errors.New("rpcbind is not running")

// ErrRefused says that a portmapper runs but will not do what it was asked.
var ErrRefused = errors.New("refused by rpcbind")

// Binding is one version of a program on one network.
type Binding struct {
	Program, Version uint32
	Netid            string         // tcp, udp, tcp6 or udp6
	Addr             netip.AddrPort // where it is served; an unspecified address for all
}

// String returns the binding as error texts name it.
func (b Binding) String() string {
	return fmt.Sprintf("program %d version %d on %s", b.Program, b.Version, b.Netid)
}

// Client speaks to the local portmapper. Its zero value is ready to use, also
// by several goroutines at once. Each call makes a connection of its own.
type Client struct {
	Socket  string        // path of rpcbind's local socket, /run/rpcbind.sock if empty
	Portmap string        // address of portmap version 2, 127.0.0.1:111 if empty
	Timeout time.Duration // for each call as a whole, 5 s if zero
}

// Set registers b. A registration of the same program, version and network at
// another address, be it somebody else's or our own from before a crash, is
// left alone and is an error: call Unset first.
func (c *Client) Set(ctx context.Context, b Binding) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	done, err := s.change(procSet, b)
	if err != nil || done {
		return err
	}
	if err := s.holder(b); err != nil {
		return err
	}
	return fmt.Errorf("%w: %v: this network or this user is not served", ErrRefused, b)
}

// Unset removes the registration of b, at whatever address it is. It is no error if there
// is none. Portmap version 2 removes all networks of the version.
func (c *Client) Unset(ctx context.Context, b Binding) error {
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	done, err := s.change(procUnset, b)
	if err != nil || done {
		return err
	}
	return s.holder(b)
}

// Missing returns those of a list that are not registered at exactly their addresses: all
// of them after rpcbind was restarted. It reads all registrations, because GETADDR and
// GETPORT also answer with another version's address.
func (c *Client) Missing(ctx context.Context, list []Binding) ([]Binding, error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	have, err := s.registrations()
	if err != nil {
		return nil, err
	}
	var missing []Binding
	for _, b := range list {
		if r := b.among(have); r == nil || r.address != s.address(b) {
			missing = append(missing, b)
		}
	}
	return missing, nil
}

// Watch returns a channel that is closed when rpcbind ends, which takes all registrations
// with it, and when ctx is done. Watch keeps a connection open, asks nothing over it and
// waits for its end.
func (c *Client) Watch(ctx context.Context) (ended <-chan struct{}, err error) {
	s, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s.conn.SetDeadline(time.Time{})
	if err := ctx.Err(); err != nil { // its deadline may just have been removed
		s.close()
		return nil, err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer s.close()
		s.conn.Read(make([]byte, 1))
	}()
	return over, nil
}
