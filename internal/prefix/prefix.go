// Package prefix looks addresses up in sets of networks. In go the networks, once;
// out comes, for an address, the network of the set that it belongs to. A set may
// have 100,000 networks: it is two sorted arrays without pointers, one for each
// version of IP. The package is pure.
package prefix

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
)

// Set is a set of networks. It does not change, and may be used by several
// goroutines. The zero Set is empty.
type Set struct {
	four, six []network // sorted, none within another
}

// network is an address of 128 bits, of which the first bits count; the others are 0.
// An IPv4 network has its address in the first 32.
type network struct {
	high, low uint64
	bits      uint8
}

// New makes a set of networks. An IPv4-mapped network (within ::ffff:0:0/96) counts as
// IPv4, and no other IPv6 network holds such addresses. Invalid prefixes are left out.
func New(list []netip.Prefix) Set {
	var four []uint64
	var six []network
	for _, p := range list {
		p = unmap(p)
		switch {
		case !p.IsValid():
		case p.Addr().Is4():
			if four == nil {
				four = make([]uint64, 0, len(list))
			}
			four = append(four, of(p.Addr(), p.Bits()).number())
		default:
			six = append(six, of(p.Addr(), p.Bits()))
		}
	}
	slices.SortFunc(six, compare)
	return Set{tidy(sorted(four)), tidy(six)}
}

// number returns an IPv4 network as a number. Numbers have the order of their networks,
// and are sorted in half the time.
func (n network) number() uint64 { return n.high | uint64(n.bits) }

// sorted returns the IPv4 networks with these numbers, in order.
func sorted(numbers []uint64) []network {
	slices.Sort(numbers)
	list := make([]network, len(numbers))
	for i, n := range numbers {
		list[i] = network{high: n &^ math.MaxUint8, bits: uint8(n)}
	}
	return list
}

// unmap returns an IPv4-mapped network as one of IPv4, and any other as it is.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// of returns the network of the first bits of an address. Its other bits are 0.
func of(a netip.Addr, bits int) network {
	n := network{bits: uint8(bits)}
	if a.Is4() {
		b := a.As4()
		n.high = uint64(binary.BigEndian.Uint32(b[:])) << 32
	} else {
		b := a.As16()
		n.high, n.low = binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	}
	return n.cut(n.bits)
}

// cut returns the network of the first bits of n.
func (n network) cut(bits uint8) network {
	n.bits = bits
	if bits >= 64 {
		n.low &^= ^uint64(0) >> (bits - 64)
		return n
	}
	n.high &^= ^uint64(0) >> bits
	n.low = 0
	return n
}

// compare orders networks by their first address. Of those with the same first address
// the widest comes first.
func compare(a, b network) int {
	switch {
	case a.high != b.high:
		return cmp.Compare(a.high, b.high)
	case a.low != b.low:
		return cmp.Compare(a.low, b.low)
	}
	return cmp.Compare(a.bits, b.bits)
}

// holds reports whether all of m belongs to n.
func (n network) holds(m network) bool { return n.bits <= m.bits && m.cut(n.bits) == n }

// tidy drops the networks of a sorted list that are within another. Two networks either
// have no address in common or one holds the other, so the remaining ones have none.
func tidy(list []network) []network {
	kept := list[:0]
	for _, n := range list {
		if last := len(kept) - 1; last < 0 || !kept[last].holds(n) {
			kept = append(kept, n)
		}
	}
	return slices.Clip(kept)
}

// Find returns the widest network of the set that an address belongs to. An IPv4-mapped
// address counts as IPv4; the zone of an IPv6 address does not matter.
func (s Set) Find(a netip.Addr) (p netip.Prefix, found bool) {
	if !a.IsValid() {
		return p, false
	}
	a = a.Unmap()
	list := s.six
	if a.Is4() {
		list = s.four
	}
	n := of(a, a.BitLen())
	i := last(list, n)
	if i < 0 || !list[i].holds(n) {
		return p, false
	}
	p, _ = a.WithZone("").Prefix(int(list[i].bits))
	return p, true
}

// last returns the index of the last network of a sorted list that does not begin after
// n, or -1. It is called for every client.
func last(list []network, n network) int {
	low, high := 0, len(list)
	for low < high {
		mid := int(uint(low+high) / 2)
		if m := &list[mid]; m.high > n.high || m.high == n.high && m.low > n.low {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low - 1
}

// Has reports whether an address belongs to a network of the set.
func (s Set) Has(a netip.Addr) bool {
	_, found := s.Find(a)
	return found
}

// Len returns how many networks the set has, without those within another.
func (s Set) Len() int { return len(s.four) + len(s.six) }
