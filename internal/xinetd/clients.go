package xinetd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// clients reads one value of only_from or no_access: an address whose zeros at the
// end stand for anything, one with alternatives in braces, a network with its
// length or by its name, or a host or domain by name.
func clients(r *Reader, value string) (means []string, why, hint string) {
	switch {
	case strings.ContainsRune(value, '{'):
		return factorized(value)
	case strings.ContainsRune(value, ','):
		return nil, fmt.Sprintf("comma in %q", value), "write blanks between addresses"
	case strings.ContainsRune(value, '/'):
		return network(value)
	case strings.ContainsRune(value, ':'):
		return address6(value)
	case strings.Trim(value, "0123456789.") == "":
		return address4(value)
	}
	if r.Network != nil {
		if p, ok := r.Network(value); ok {
			return []string{p.String()}, "", ""
		}
	}
	if !isName(strings.TrimPrefix(value, ".")) {
		return nil, fmt.Sprintf("%q is no address, network or name of a host", value), "expected such as 192.0.2.0, 192.0.2.0/24, 2001:db8::/32, host.example or .example"
	}
	return []string{value}, "", ""
}

// Network reads an address of IPv4 whose zeros at the end stand for anything.
func Network(value string) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(value)
	if err != nil || !a.Is4() {
		return netip.Prefix{}, false
	}
	b, bits := a.As4(), 32
	for bits > 0 && b[bits/8-1] == 0 {
		bits -= 8
	}
	return netip.PrefixFrom(a, bits), true
}

// address4 reads an address of IPv4 as a network: each zero at its end is a byte
// that may be anything.
func address4(value string) (means []string, why, hint string) {
	p, ok := Network(value)
	if !ok {
		return nil, fmt.Sprintf("%q is not an address of four numbers", value), "write " + fourNumbers(value)
	}
	return []string{p.String()}, "", ""
}

// fourNumbers is the address that one with fewer numbers was probably meant to be.
func fourNumbers(value string) string {
	parts := strings.Split(strings.Trim(value, "."), ".")
	for len(parts) < 4 {
		parts = append(parts, "0")
	}
	if a, err := netip.ParseAddr(strings.Join(parts, ".")); err == nil {
		return a.String()
	}
	return "numbers up to 255"
}

func address6(value string) (means []string, why, hint string) {
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		return nil, fmt.Sprintf("%q is not an address of IPv6", value), ""
	}
	a = a.Unmap()
	return []string{netip.PrefixFrom(a, a.BitLen()).String()}, "", ""
}

// mapped is where IPv6 has the addresses of IPv4.
var mapped = netip.MustParsePrefix("::ffff:0:0/96")

// network reads an address and a length. A network of IPv6 that holds the addresses
// of IPv4 means those as well.
func network(value string) (means []string, why, hint string) {
	addr, length, _ := strings.Cut(value, "/")
	a, err := netip.ParseAddr(addr)
	bits, err2 := strconv.ParseUint(length, 10, 8)
	switch {
	case err == nil && strings.ContainsRune(length, '.'):
		return nil, fmt.Sprintf("%q has a mask in place of a length", value), "write such as " + addr + "/24"
	case err != nil || a.Zone() != "" || err2 != nil || int(bits) > a.BitLen():
		return nil, fmt.Sprintf("%q is not a network", value), "expected such as 192.0.2.0/24 or 2001:db8::/32"
	}
	p := netip.PrefixFrom(a, int(bits)).Masked()
	switch {
	case a.Is4In6() && bits >= 96:
		p = netip.PrefixFrom(a.Unmap(), int(bits)-96).Masked()
	case a.Is6() && p.Overlaps(mapped):
		return []string{p.String(), "0.0.0.0/0"}, "", ""
	}
	return []string{p.String()}, "", ""
}

// factorized reads "10.1.{2,3}": the numbers in braces are alternatives, and what
// is left out at the end may be anything.
func factorized(value string) (means []string, why, hint string) {
	front, list, _ := strings.Cut(value, "{")
	list, closed := strings.CutSuffix(list, "}")
	if !closed || front != "" && !strings.HasSuffix(front, ".") || strings.Count(front, ".") > 3 {
		return nil, fmt.Sprintf("bad address %q", value), "expected such as 10.1.{2,3}, with the braces at the end"
	}
	for item := range strings.SplitSeq(list, ",") {
		text := front + item
		n := strings.Count(text, ".") + 1
		a, err := netip.ParseAddr(text + strings.Repeat(".0", 4-n))
		if err != nil {
			return nil, fmt.Sprintf("bad number %q in %q", item, value), "expected numbers up to 255 with commas between them"
		}
		means = append(means, netip.PrefixFrom(a, 8*n).String())
	}
	return means, "", ""
}

// isName reports whether s is made of what names of hosts are made of.
func isName(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}
