package rpcbind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultSocket  = "/run/rpcbind.sock"
	defaultPortmap = "127.0.0.1:111"
	defaultTimeout = 5 * time.Second
)

// The versions of program 100000 and those of its procedures whose numbers are
// the same in both.
const (
	portmapVersion = 2
	rpcbindVersion = 4

	procSet   = 1
	procUnset = 2
	procDump  = 4
)

// session is a connection to a portmapper of the given version.
type session struct {
	conn    net.Conn
	version uint32
	xid     uint32
	release func() bool
}

// open connects to rpcbind, or else to the portmapper. The session ends with close, with
// ctx, or when the time is up.
func (c *Client) open(ctx context.Context) (*session, error) {
	deadline := time.Now().Add(cmp.Or(c.Timeout, defaultTimeout))
	dialer := net.Dialer{Deadline: deadline}
	s := &session{version: rpcbindVersion}
	var err error
	s.conn, err = dialer.DialContext(ctx, "unix", cmp.Or(c.Socket, defaultSocket))
	if nobodyListens(err) {
		s.version = portmapVersion
		s.conn, err = dialReserved(ctx, dialer, cmp.Or(c.Portmap, defaultPortmap))
	}
	if nobodyListens(err) {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("connect to rpcbind: %w", err)
	}
	s.conn.SetDeadline(deadline)
	s.release = context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Unix(1, 0)) })
	return s, nil
}

// nobodyListens reports whether there is no portmapper, or its network is down.
func nobodyListens(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENETUNREACH)
}

// dialReserved connects from a port below 1024 if it may. Over TCP that is how
// a portmapper knows root, and nobody else may change anything.
func dialReserved(ctx context.Context, dialer net.Dialer, address string) (net.Conn, error) {
	const first, attempts = 600, 10
	for range attempts {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first + rand.IntN(1024-first)}
		conn, err := dialer.DialContext(ctx, "tcp4", address)
		if errors.Is(err, unix.EACCES) {
			break
		}
		if !errors.Is(err, unix.EADDRINUSE) && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return conn, err
		}
	}
	dialer.LocalAddr = nil
	return dialer.DialContext(ctx, "tcp4", address)
}

func (s *session) close() {
	s.release()
	s.conn.Close()
}

// change asks for b to be set or unset, and reports whether that was done.
func (s *session) change(proc uint32, b Binding) (bool, error) {
	args, err := s.arguments(b)
	if err != nil {
		return false, err
	}
	results, err := s.call(proc, args)
	if err != nil {
		return false, fmt.Errorf("%v: %w", b, err)
	}
	d := decoder{data: results}
	done := d.uint32() != 0
	if d.err != nil {
		return false, fmt.Errorf("%v: %w", b, d.err)
	}
	return done, nil
}

// holder returns nil if nobody has what b asks for, or else the refusal that says who.
func (s *session) holder(b Binding) error {
	have, err := s.registrations()
	if err != nil {
		return err
	}
	if r := b.among(have); r != nil {
		return fmt.Errorf("%w: %v is registered at %v", ErrRefused, b, r)
	}
	return nil
}

// registrations returns all registrations there are.
func (s *session) registrations() ([]registration, error) {
	results, err := s.call(procDump, nil)
	if err != nil {
		return nil, fmt.Errorf("list registrations: %w", err)
	}
	list, err := decodeList(results, s.version)
	if err != nil {
		return nil, fmt.Errorf("list registrations: %w", err)
	}
	return list, nil
}

// among returns what is registered for the program, version and network of b,
// or nil.
func (b Binding) among(list []registration) *registration {
	for i, r := range list {
		if r.program == b.Program && r.version == b.Version && r.netid == b.Netid {
			return &list[i]
		}
	}
	return nil
}

// arguments encodes b as the version of the session takes it: struct rpcb or struct
// mapping of RFC 1833.
func (s *session) arguments(b Binding) ([]byte, error) {
	args := appendUint32(nil, b.Program, b.Version)
	if s.version == rpcbindVersion {
		// Like libtirpc, send the number of our user as the owner. rpcbind
		// takes the peer of the socket instead.
		return appendString(args, b.Netid, s.address(b), strconv.Itoa(os.Geteuid())), nil
	}
	protocol, ok := portmapProtocols[b.Netid]
	if !ok {
		return nil, fmt.Errorf("%w: %v: only a portmapper of version 2 is running, which knows no such network", ErrRefused, b)
	}
	return appendUint32(args, protocol, uint32(b.Addr.Port())), nil
}

var portmapProtocols = map[string]uint32{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}

// address returns where b is served as the version of the session writes it: for version
// 4 a universal address (RFC 5665 section 5.2.3), for version 2 a port alone.
func (s *session) address(b Binding) string {
	port := b.Addr.Port()
	if s.version == portmapVersion {
		return portAddress(uint32(port))
	}
	return fmt.Sprintf("%v.%d.%d", b.Addr.Addr().WithZone(""), port>>8, port&0xff)
}

func portAddress(port uint32) string { return fmt.Sprintf("port %d", port) }
