package limit

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Source is what a client counts as. Sources can be compared, and hold no pointer. The
// zero Source is nobody in particular and has no limits.
type Source struct {
	kind kind
	bits uint8  // how many bits of an address count
	id   uint64 // of IPv6 the first 64 bits
	low  uint64 // and the others
}

type kind uint8

const (
	nobody  kind = iota
	ipv4         // an address, or a network
	ipv6         // a network
	user         // a user id
	machine      // a context id
	kinds        // how many there are
)

// Bits are how many bits of an address make the source of an Internet client; 0 is
// the usual number.
type Bits struct{ V4, V6 uint8 }

// The usual source is an IPv4 address, or the /64 of an IPv6 address, which is what
// one customer has.
const (
	usualV4 = 32
	usualV6 = 64
)

// Address returns the usual source of an Internet client; for an address that is not
// valid, the zero Source.
func Address(addr netip.Addr) Source { return Bits{}.Source(addr) }

// Source returns the source of an Internet client, the first bits of its address; for an
// address that is not valid, the zero Source.
func (n Bits) Source(addr netip.Addr) Source {
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		b := addr.As4()
		bits := cmp.Or(n.V4, usualV4)
		return Source{ipv4, bits, uint64(binary.BigEndian.Uint32(b[:]) &^ uint32(1<<(32-bits)-1)), 0}
	case addr.Is6():
		b := addr.As16()
		bits := cmp.Or(n.V6, usualV6)
		s := Source{ipv6, bits, binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
		s.id &^= ^uint64(0) >> bits // no change from 64 bits on
		s.low &^= ^uint64(0) >> (max(bits, 64) - 64)
		return s
	}
	return Source{}
}

// User returns the source of a client of a UNIX-domain socket.
func User(uid uint32) Source { return Source{kind: user, id: uint64(uid)} }

// Machine returns the source of a client of a vsock, by its context id (CID).
func Machine(cid uint32) Source { return Source{kind: machine, id: uint64(cid)} }

// String returns the source as a log line names it.
func (s Source) String() string {
	switch s.kind {
	case ipv4:
		a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(s.id))))
		if s.bits == 32 {
			return a.String()
		}
		return netip.PrefixFrom(a, int(s.bits)).String()
	case ipv6:
		b := [16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.id), s.low))
		return netip.PrefixFrom(netip.AddrFrom16(b), int(s.bits)).String()
	case user:
		return fmt.Sprintf("uid %d", s.id)
	case machine:
		return fmt.Sprintf("cid %d", s.id)
	}
	return "nobody"
}
