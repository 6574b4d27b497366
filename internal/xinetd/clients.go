package xinetd

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"inetd/internal/conf"
)

// clients reads one value of only_from or no_access: an IPv4 address whose zeros at the
// end stand for anything, one with alternatives in braces, an IPv6 address, a network
// with its length or by its name, or a host or domain by name.
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

// Network reads an IPv4 address whose zero bytes at the end stand for anything.
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

// address4 reads an IPv4 address as the network that Network returns.
func address4(value string) (means []string, why, hint string) {
	p, ok := Network(value)
	if !ok {
		return nil, fmt.Sprintf("%q is not an address of four numbers", value), "write " + fourNumbers(value)
	}
	return []string{p.String()}, "", ""
}

// fourNumbers returns what an address with fewer numbers was probably meant to be.
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
	return []string{netip.PrefixFrom(a, a.BitLen()).String()}, "", ""
}

// mapped has the IPv6 addresses that stand for those of IPv4.
var mapped = netip.MustParsePrefix("::ffff:0:0/96")

// reaching returns the values of a list as they apply to the clients of the service. On
// an IPv6 socket, IPv4 clients have addresses in mapped: a network within it means them,
// and a network that holds all of it means them as well. On an IPv4 socket no client has
// such an address.
func (s *service) reaching(values []conf.Word) (list []conf.Word) {
	for _, w := range values {
		p, err := netip.ParsePrefix(w.Text)
		switch inside := err == nil && p.Addr().Is4In6() && p.Bits() >= 96; {
		case inside && s.onlyIPv4():
		case inside:
			list = append(list, word(netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).String(), w))
		case err == nil && p.Addr().Is6() && p.Overlaps(mapped) && !s.onlyIPv4():
			list = append(list, w, word("0.0.0.0/0", w))
		default:
			list = append(list, w)
		}
	}
	return list
}

// onlyIPv4 reports whether the service has an IPv4 socket and no other.
func (s *service) onlyIPv4() bool {
	a, err := netip.ParseAddr(s.text("bind"))
	return s.family() == "4" || err == nil && a.Is4()
}

// network reads an address and a length.
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
	return []string{netip.PrefixFrom(a, int(bits)).Masked().String()}, "", ""
}

// factorized reads "10.1.{2,3}": the numbers in braces are alternatives, and bytes
// left out at the end may be anything.
func factorized(value string) (means []string, why, hint string) {
	front, list, _ := strings.Cut(value, "{")
	list, closed := strings.CutSuffix(list, "}")
	if !closed || front != "" && !strings.HasSuffix(front, ".") || strings.Count(front, ".") > 3 {
		return nil, fmt.Sprintf("bad address %q", value), "expected such as 10.1.{2,3}, with the braces at the end"
	}
	for item := range strings.SplitSeq(list, ",") {
		text := front + item
		n := strings.Count(front, ".") + 1
		a, err := netip.ParseAddr(text + strings.Repeat(".0", 4-n))
		if err != nil || !decimal(item) {
			return nil, fmt.Sprintf("bad number %q in %q", item, value), "expected numbers up to 255 with commas between them"
		}
		means = append(means, netip.PrefixFrom(a, 8*n).String())
	}
	return means, "", ""
}

func decimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// isName reports whether s has only characters that host names have. If its last label
// has no letter, it is an address and not a name.
func isName(s string) bool {
	const letters, others = "abcdefghijklmnopqrstuvwxyz", "0123456789-_."
	s = lower(s)
	return strings.Trim(s, letters+others) == "" && strings.ContainsAny(s[strings.LastIndexByte(s, '.')+1:], letters)
}
