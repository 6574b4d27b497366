package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// Sec is the lines of an inetd.sec(4). It does not change, and may be used by several
// goroutines.
type Sec struct {
	lines map[string]secLine // by service
	fault *secLine           // the file is not text, so every service is closed
}

// secLine is what a file says about a service.
type secLine struct {
	file   string
	number int
	text   string
	allows bool
	hosts  []secHost
	fault  string // what is wrong with the line, which then refuses every peer
}

// secHost is one host or network of a line.
type secHost struct {
	octets []octets // IPv4; bytes that are left out may be anything
	net    netip.Prefix
	name   string // lower case
	all    bool
	fault  string
}

// octets is a range of values of a byte of an address.
type octets struct{ low, high uint8 }

var permissions = []string{"allow", "deny"}

// ParseSec parses the text of an inetd.sec(4). The name is for messages. If the fault
// in a line might let too many in, the service is closed.
//
// Names are taken for names of hosts: those of networks (/etc/networks) match nobody.
func ParseSec(file string, text []byte) (*Sec, []Problem) {
	s := &Sec{lines: map[string]secLine{}}
	r := &reporter{file: file}
	text, fault := r.decode(text, "every service is closed")
	if fault != nil {
		s.fault = &secLine{file: file, number: fault.Line, fault: fault.Text}
	}
	for ln := range r.lines(text) {
		toks := tokens(ln.text, 0, " \t\r")
		service := toks[0].text
		number, _ := ln.where(toks[0].offset)
		if before, ok := s.lines[service]; ok {
			r.reportf(toks[0].offset, "one line for each service", "line %d for %s is overridden by this one", before.number, service)
		}
		l := secLine{file: file, number: number, text: strings.Join(strings.Fields(ln.text), " ")}
		r.secLine(&l, toks[1:])
		s.lines[service] = l
	}
	return s, r.sorted()
}

// secLine parses what follows the service.
func (r *reporter) secLine(l *secLine, toks []token) {
	if len(toks) == 0 {
		l.fault = "neither allow nor deny"
		r.report(len(r.line.text), l.fault+": no peer is let in", "service allow|deny address ...")
		return
	}
	permission := strings.ToLower(toks[0].text)
	if !slices.Contains(permissions, permission) {
		l.fault = fmt.Sprintf("%q is neither allow nor deny", toks[0].text)
		hint := "service allow|deny address ..."
		if guess := nearest.Name(permission, slices.Values(permissions)); guess != "" {
			hint = "did you mean " + guess + "?"
		}
		r.report(toks[0].offset, l.fault+": no peer is let in", hint)
		return
	}
	l.allows = permission == "allow"
	for _, tok := range toks[1:] {
		h, f := parseSecHost(tok.text)
		r.fault(tok.offset, f)
		l.hosts = append(l.hosts, h)
	}
	if len(toks) == 1 {
		r.report(toks[0].offset, "no addresses: taken for all", permission+" *")
		l.hosts = []secHost{{all: true}}
	}
}

func parseSecHost(tok string) (secHost, fault) {
	switch {
	case tok == "*":
		return secHost{all: true}, fault{}
	case strings.Contains(tok, ":"):
		return parseSec6(tok)
	case strings.Trim(tok, "0123456789.*-/") == "":
		return parseSec4(tok)
	default:
		return secHost{name: strings.ToLower(strings.TrimSuffix(tok, "."))}, fault{}
	}
}

// badHost returns a host that leaves its line undecided, and the fault.
func badHost(tok, hint string) (secHost, fault) {
	text := fmt.Sprintf("bad address %q", tok)
	return secHost{fault: text}, fault{text, hint}
}

// parseSec6 parses address and net/length.
func parseSec6(tok string) (secHost, fault) {
	if addr, err := netip.ParseAddr(tok); err == nil {
		addr = addr.Unmap()
		return secHost{net: netip.PrefixFrom(addr, addr.BitLen())}, fault{}
	}
	net, err := netip.ParsePrefix(tok)
	if err != nil || net.Addr().Is4In6() {
		return badHost(tok, "address or net/length")
	}
	return secHost{net: net}, fault{}
}

// parseSec4 parses up to four octets, each a number, a range n-m or *. Zeros at
// the end make it the address of a network: 10.3.0.0 is all of 10.3.
func parseSec4(tok string) (secHost, fault) {
	const form = "up to four of n, n-m and *, with dots between"
	fields := strings.Split(tok, ".")
	if len(fields) > 4 {
		return badHost(tok, form)
	}
	var h secHost
	for _, f := range fields {
		o, ok := parseOctets(f)
		if !ok {
			return badHost(tok, form)
		}
		h.octets = append(h.octets, o)
	}
	for n := len(h.octets); n > 1 && h.octets[n-1] == (octets{}); n-- {
		h.octets = h.octets[:n-1]
	}
	return h, fault{}
}

func parseOctets(s string) (octets, bool) {
	if s == "*" {
		return octets{0, 255}, true
	}
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	low, err1 := strconv.ParseUint(from, 10, 8)
	high, err2 := strconv.ParseUint(to, 10, 8)
	return octets{uint8(low), uint8(high)}, err1 == nil && err2 == nil && low <= high
}

// Check answers q by the last line for its Service: allow lets in the hosts of the line
// and nobody else, deny refuses them and nobody else. A service without a line is open
// to all. The verdict has no options.
func (s *Sec) Check(q Query) Verdict {
	l, ok := s.lines[q.Service]
	if s.fault != nil {
		l, ok = *s.fault, true
	}
	if !ok {
		return Verdict{Allow: true}
	}
	v := Verdict{File: l.file, Line: l.number, Rule: l.text, Note: l.fault}
	if l.fault != "" {
		return v
	}
	a := q.asker(nil)
	got := no
	for i := range l.hosts {
		got = max(got, a.secHost(&l.hosts[i]))
	}
	v.NeedName = got == unasked
	v.Allow = got == yes && l.allows || got == no && !l.allows
	if got == unsure {
		v.Note = "cannot be decided: " + a.doubt
	}
	return v
}

// secHost answers whether the peer is h, or belongs to it.
func (a *asker) secHost(h *secHost) answer {
	switch {
	case h.all:
		return yes
	case h.fault != "":
		return a.unsure(h.fault)
	case h.name != "":
		return a.name(&a.peer, func(name string) bool { return name == h.name })
	case h.octets != nil:
		return a.address(&a.peer, inRange(h.octets, a.peer.addr))
	default:
		return a.address(&a.peer, h.net.Contains(a.peer.addr.WithZone("")))
	}
}

func inRange(os []octets, addr netip.Addr) bool {
	if !addr.Is4() {
		return false
	}
	b := addr.As4()
	for i, o := range os {
		if b[i] < o.low || b[i] > o.high {
			return false
		}
	}
	return true
}
