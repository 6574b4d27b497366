package limit

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Source is what a client counts as. Sources can be compared, and hold no
// pointer. The zero Source is nobody in particular and has no limits.
type Source struct {
	kind kind
	id   uint64
}

type kind uint8

const (
	nobody  kind = iota
	ipv4         // an address
	ipv6         // a prefix of 64 bits
	user         // a user id
	machine      // a context id
	kinds        // how many there are
)

// Address is the source of an Internet client: an IPv4 address or the /64 of
// an IPv6 address, which is what one customer has. The source of an address
// that is not valid is the zero Source.
func Address(addr netip.Addr) Source {
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		b := addr.As4()
		return Source{ipv4, uint64(binary.BigEndian.Uint32(b[:]))}
	case addr.Is6():
		b := addr.As16()
		return Source{ipv6, binary.BigEndian.Uint64(b[:8])}
	}
	return Source{}
}

// User is the source of a client of a UNIX-domain socket.
func User(uid uint32) Source { return Source{user, uint64(uid)} }

// Machine is the source of a client of a vsock, by its context id (CID).
func Machine(cid uint32) Source { return Source{machine, uint64(cid)} }

// String is the source as a log line names it.
func (s Source) String() string {
	switch s.kind {
	case ipv4:
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(s.id)))).String()
	case ipv6:
		b := [16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.id), 0))
		return netip.PrefixFrom(netip.AddrFrom16(b), 64).String()
	case user:
		return fmt.Sprintf("uid %d", s.id)
	case machine:
		return fmt.Sprintf("cid %d", s.id)
	}
	return "nobody"
}
