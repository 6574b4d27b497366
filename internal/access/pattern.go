package access

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// pattern is a pattern for a host.
type pattern struct {
	kind      patternKind
	word      word         // byWord
	path      string       // byFile
	net6      netip.Prefix // byNet6, without zone
	zone      string       // byNet6: of a link-local address
	net, mask uint32       // byNet4
	doubt     string       // why tcp_wrappers matches nobody by it, against its author's intention
}

type patternKind int

const (
	never patternKind = iota
	byWord
	byNet4     // net/mask, net/length
	byNet6     // [address], [net]/length
	byFile     // /path
	byNetgroup // @group
	byKnown
	byUnknown
	byLocal
	byParanoid
)

// keywords are the words of the language that are not names.
var keywords = []string{"ALL", "EXCEPT", "KNOWN", "LOCAL", "PARANOID", "UNKNOWN"}

// fault is what is wrong with a piece of text, or nothing.
type fault struct{ text, hint string }

func parsePattern(tok string) (pattern, fault) {
	switch strings.ToUpper(tok) {
	case "":
		return pattern{}, fault{"no host after @", "a host pattern"}
	case "KNOWN":
		return pattern{kind: byKnown}, fault{}
	case "UNKNOWN":
		return pattern{kind: byUnknown}, fault{}
	case "LOCAL":
		return pattern{kind: byLocal}, fault{}
	case "PARANOID":
		return pattern{kind: byParanoid}, fault{}
	}
	switch {
	case tok[0] == '@':
		const text = "netgroups are not supported"
		return pattern{kind: byNetgroup, doubt: text}, fault{text, "addresses, or a file of them as /path"}
	case tok[0] == '/':
		return pattern{kind: byFile, path: tok}, fault{}
	case tok[0] == '[':
		return parseNet6(tok)
	case strings.Contains(tok, "/"):
		return parseNet4(tok)
	default:
		return parseHostWord(tok)
	}
}

// parseNet6 parses [address] and [net]/length. Unlike in IPv4, host bits may
// be set.
func parseNet6(tok string) (pattern, fault) {
	bad := fault{fmt.Sprintf("bad IPv6 pattern %q", tok), "[address] or [net]/length"}
	inner, rest, closed := strings.Cut(tok[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || rest != "" && rest[0] != '/' {
		return pattern{}, bad
	}
	if addr.Unmap().Is4() {
		return pattern{}, fault{fmt.Sprintf("IPv4 address in brackets in %q", tok), addr.Unmap().String()}
	}
	p := pattern{kind: byNet6, net6: netip.PrefixFrom(addr, 128), zone: addr.Zone()}
	if rest == "" {
		return p, fault{}
	}
	n, tail := atoi(rest[1:])
	if n > 128 || strings.HasPrefix(tail, "-") {
		return pattern{}, bad
	}
	p.net6 = netip.PrefixFrom(addr, n)
	if tail != "" || rest == "/" {
		return p.doubtful(fmt.Sprintf("bad length %q", rest[1:]), "0 to 128")
	}
	return p, fault{}
}

// parseNet4 parses net/m.m.m.m and net/length.
func parseNet4(tok string) (pattern, fault) {
	left, right, _ := strings.Cut(tok, "/")
	addr, err := netip.ParseAddr(left)
	mask, doubt, ok := parseMask4(right)
	if err != nil || !addr.Is4() || !ok {
		return pattern{}, fault{fmt.Sprintf("bad network %q", tok), "n.n.n.n/length or n.n.n.n/m.m.m.m"}
	}
	p := pattern{kind: byNet4, net: bits4(addr) & mask, mask: mask}
	if p.net != bits4(addr) {
		doubt = fmt.Sprintf("%s is a host in its network", left)
	}
	if doubt != "" {
		return p.doubtful(doubt, net4(p.net, p.mask))
	}
	return p, fault{}
}

// parseMask4 parses a mask or a length, and returns why tcp_wrappers would not take it.
func parseMask4(s string) (mask uint32, doubt string, ok bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		if mask = bits4(a); mask == ^uint32(0) { // inet_addr(3) returns it for an error
			doubt = "mask of a single host"
		}
		return mask, doubt, true
	}
	n, tail := atoi(s)
	switch {
	case n > 32 || n == 0 && s != "0":
		return 0, "", false
	case n == 0:
		doubt = "length 0"
	case tail != "":
		doubt = fmt.Sprintf("bad length %q", s)
	}
	return ^uint32(0) << (32 - n), doubt, true
}

// parseHostWord parses a name, an address, or part of one.
func parseHostWord(tok string) (pattern, fault) {
	p := pattern{kind: byWord, word: parseWord(tok)}
	if p.word.kind != exact {
		return p, fault{}
	}
	if addr, err := netip.ParseAddr(tok); err == nil {
		if s := strings.ToLower(addr.String()); s != p.word.text {
			p.word.text = s
			return p.doubtful("unusual form of an address", s)
		}
		return p, fault{}
	}
	if !p.word.numeric() {
		return p, mistyped(tok)
	}
	if missing := 3 - strings.Count(tok, "."); missing > 0 {
		if _, err := netip.ParseAddr(tok + strings.Repeat(".0", missing)); err == nil {
			p.word = parseWord(tok + ".")
			return p.doubtful("part of an address without a dot at its end", tok+".")
		}
	}
	return pattern{}, fault{fmt.Sprintf("bad address %q", tok), "n.n.n.n"}
}

// doubtful marks p as a pattern by which tcp_wrappers matches nobody: it lets nobody
// in, but keeps out those it was meant for.
func (p pattern) doubtful(why, hint string) (pattern, fault) {
	p.doubt = why
	return p, fault{why + ": lets nobody in", hint}
}

// mistyped finds keywords with a slip, which otherwise are silently taken for names.
func mistyped(tok string) fault {
	if tok != strings.ToUpper(tok) || strings.Contains(tok, ".") {
		return fault{}
	}
	if word := nearest.Name(tok, slices.Values(keywords)); word != "" {
		return fault{fmt.Sprintf("%q is taken for a name", tok), "did you mean " + word + "?"}
	}
	return fault{}
}

// atoi reads the number that s starts with, as atoi(3) does but without a sign, and
// returns what follows it.
func atoi(s string) (n int, tail string) {
	tail = strings.TrimLeft(s, "0123456789")
	n, err := strconv.Atoi(s[:len(s)-len(tail)])
	if err != nil && tail != s {
		n = 1 << 30 // out of every range
	}
	return n, tail
}

func bits4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func addr4(n uint32) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b).String()
}

// net4 writes a network in the form that tcp_wrappers accepts.
func net4(net, mask uint32) string {
	ones := bits.LeadingZeros32(^mask)
	if ones > 0 && mask<<ones == 0 {
		return fmt.Sprintf("%s/%d", addr4(net), ones)
	}
	return addr4(net) + "/" + addr4(mask)
}
