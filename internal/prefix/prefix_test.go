package prefix

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func parse(t *testing.T, list string) (nets []netip.Prefix) {
	t.Helper()
	for _, s := range strings.Fields(list) {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	return nets
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ set, addr, want string }{
		{"", "192.0.2.1", ""},
		{"192.0.2.0/24", "192.0.2.255", "192.0.2.0/24"},
		{"192.0.2.0/24", "192.0.3.0", ""},
		{"192.0.2.0/24", "192.0.1.255", ""},
		{"192.0.2.0/24", "::ffff:192.0.2.1", "192.0.2.0/24"},
		{"::ffff:192.0.2.0/120", "192.0.2.1", "192.0.2.0/24"},
		{"0.0.0.0/0", "255.255.255.255", "0.0.0.0/0"},
		{"0.0.0.0/0", "::1", ""},
		{"::/0", "192.0.2.1", ""},
		{"::/0", "::ffff:192.0.2.1", ""},
		{"::/0", "fe80::1%lo", "::/0"},
		{"fe80::/10", "fe80::1%eth9", "fe80::/10"},
		{"10.0.0.0/8 10.1.0.0/16 10.0.0.0/24", "10.1.2.3", "10.0.0.0/8"},
		{"10.0.0.1/32 10.0.0.3/32", "10.0.0.2", ""},
		{"10.0.0.1/32 10.0.0.3/32", "10.0.0.3", "10.0.0.3/32"},
		{"2001:db8::/32 2001:db8:1::/48", "2001:db8:1::1", "2001:db8::/32"},
		{"2001:db8:0:0:8000::/65", "2001:db8::8000:0:0:1", "2001:db8:0:0:8000::/65"},
		{"2001:db8:0:0:8000::/65", "2001:db8::7fff:0:0:1", ""},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::1/128"},
	} {
		got, found := New(parse(t, tt.set)).Find(netip.MustParseAddr(tt.addr))
		if want := tt.want; found != (want != "") || found && got.String() != want {
			t.Errorf("%s in %q: %v, %v, want %q", tt.addr, tt.set, got, found, want)
		}
	}
	if _, found := New(parse(t, "::/0 0.0.0.0/0")).Find(netip.Addr{}); found {
		t.Error("no address belongs to a network")
	}
	if s := New([]netip.Prefix{{}}); s.Len() != 0 {
		t.Error("an invalid network was taken")
	}
}

// FuzzFind compares a set with the plain list.
func FuzzFind(f *testing.F) {
	f.Add([]byte("\x04\x08\x0a\x00\x00\x00\x04\x10\x0a\x01\x00\x00"), []byte("\x0a\x01\x02\x03"))
	f.Add([]byte("\x06\x20\x20\x01\x0d\xb8"), []byte("\x20\x01\x0d\xb80123456789ab"))
	f.Fuzz(func(t *testing.T, text, who []byte) {
		var list []netip.Prefix
		for ; len(text) >= 6; text = text[6:] {
			var b [16]byte
			copy(b[:], text[2:6])
			a := netip.AddrFrom16(b)
			if text[0]&1 == 0 {
				a = netip.AddrFrom4([4]byte(b[:4]))
			}
			if text[0]&2 != 0 {
				a = netip.AddrFrom16(a.As16()) // IPv4-mapped
			}
			p, err := a.Prefix(int(text[1]) % (a.BitLen() + 1))
			if err == nil && !(p.Addr().Is6() && !p.Addr().Is4In6() && a.Is4In6()) {
				list = append(list, p)
			}
		}
		s := New(list)
		for _, a := range addresses(who, list) {
			var want netip.Prefix
			for _, p := range list {
				if p = unmap(p); p.Contains(a.Unmap()) && (!want.IsValid() || p.Bits() < want.Bits()) {
					want = p
				}
			}
			if got, found := s.Find(a); found != want.IsValid() || got != want {
				t.Errorf("%v in %v: %v, want %v", a, list, got, want)
			}
		}
	})
}

// addresses returns the address made of who, and the first of each network with its
// neighbours.
func addresses(who []byte, list []netip.Prefix) (as []netip.Addr) {
	if a, ok := netip.AddrFromSlice(who); ok {
		as = append(as, a)
	}
	for _, p := range list {
		for _, a := range []netip.Addr{p.Addr(), p.Addr().Next(), p.Addr().Prev()} {
			if a.IsValid() {
				as = append(as, a)
			}
		}
	}
	return as
}

// many makes n networks, three quarters of them IPv4.
func many(n int) []netip.Prefix {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]netip.Prefix, n)
	for i := range list {
		a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, r.Uint32())))
		bits := 16 + r.IntN(17)
		if i%4 == 0 {
			a = netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.Uint64()>>3|1<<61), 0)))
			bits = 20 + r.IntN(45)
		}
		list[i], _ = a.Prefix(bits)
	}
	return list
}

// TestFindAllocatesNothing: Find runs for every client.
func TestFindAllocatesNothing(t *testing.T) {
	s := New(many(1000))
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { s.Find(a); s.Find(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			list := many(n)
			s := New(list)
			for i := range b.N {
				s.Has(list[i%n].Addr())
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	list := many(100_000)
	for range b.N {
		New(list)
	}
}
