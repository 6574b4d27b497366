package conf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxInt32 = math.MaxInt32

// bad reports that the key in hand cannot have a value, or its part from offset off on.
func (d *draft) bad(w Word, off int, hint string) {
	d.errorf(w.at(off), hint, "bad value %q for %q", w.Text[off:], d.key)
}

// choice returns the index of w among the possible words. It reports any other word,
// and returns 0.
func (d *draft) choice(w Word, words ...string) int {
	i := slices.Index(words, w.Text)
	if i < 0 {
		d.bad(w, 0, "expected "+either(words))
	}
	return max(i, 0)
}

func (d *draft) yes(w Word) bool { return d.choice(w, "no", "yes") == 1 }

// integer reads a decimal number from low to high.
func (d *draft) integer(w Word, low, high int) int { return d.integerAt(w, 0, low, high) }

// integerAt reads a decimal number from low to high, which stands at offset
// off of the word and ends with it.
func (d *draft) integerAt(w Word, off, low, high int) int {
	s := w.Text[off:]
	n, err := strconv.Atoi(s)
	if err != nil || s[0] == '+' || n < low || n > high {
		d.bad(w, off, fmt.Sprintf("expected a number from %d to %d", low, high))
		return 0
	}
	return n
}

const durations = "expected a time such as 300ms, 1.5s, 10m or 2h, or a number of seconds"

// duration reads a time.
func (d *draft) duration(w Word) time.Duration { return d.durationAt(w, 0) }

func (d *draft) durationAt(w Word, off int) time.Duration {
	t, ok := parseDuration(w.Text[off:])
	if !ok {
		d.bad(w, off, durations)
	}
	return t
}

// parseDuration reads a time in hours, minutes, seconds and milliseconds.
// Without a unit it is in seconds.
func parseDuration(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789.hms") != "" {
		return 0, false
	}
	if last := s[len(s)-1]; last >= '0' && last <= '9' || last == '.' {
		s += "s"
	}
	t, err := time.ParseDuration(s)
	return t, err == nil
}

// rate reads a number of starts and the time over which they count: "40",
// "40/10s" or "40/h". The time is 0 if it is the usual 60 seconds.
func (d *draft) rate(w Word) (n int, window time.Duration) {
	count, per, found := strings.Cut(w.Text, "/")
	n = d.number(w, 0, count)
	if !found {
		return n, 0
	}
	off := len(count) + 1
	if per == "s" || per == "m" || per == "h" {
		per = "1" + per
	}
	window, ok := parseDuration(per)
	switch {
	case !ok || window == 0:
		d.bad(w, off, "expected a time after the slash, such as 10s or h")
	case window == time.Minute:
		return n, 0
	}
	return n, window
}

// cutUnit cuts off the unit of a size: k, m or g.
func cutUnit(s string) (digits string, unit uint64) {
	if s == "" {
		return s, 1
	}
	if i := strings.IndexByte("kmg", s[len(s)-1]|0x20); i >= 0 {
		return s[:len(s)-1], 1 << (10 * (i + 1))
	}
	return s, 1
}

// parseBytes reads a number of bytes, which k, m or g may follow.
func parseBytes(s string) (uint64, bool) {
	digits, unit := cutUnit(s)
	n, err := strconv.ParseUint(digits, 10, 63)
	return n * unit, err == nil && n <= math.MaxInt64/unit
}

// path reads an absolute path.
func (d *draft) path(w Word) string {
	if !strings.HasPrefix(w.Text, "/") {
		d.bad(w, 0, "expected a path that starts with /")
	}
	return w.Text
}

// networks reads a list of addresses and networks.
func (d *draft) networks(v []Word) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(v))
	for _, w := range v {
		p, ok := d.network(w)
		if !ok {
			d.bad(w, 0, "expected an address or a network, such as 192.0.2.0/24 or 2001:db8::/32")
			continue
		}
		list = append(list, p)
	}
	return list
}

// network reads an address, or a network as address/length.
func (d *draft) network(w Word) (netip.Prefix, bool) {
	addr, length, found := strings.Cut(w.Text, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if found {
		if bits, err = strconv.Atoi(length); err != nil || length[0] == '+' || bits > a.BitLen() {
			return netip.Prefix{}, false
		}
	}
	if a.Is4In6() {
		a, bits = a.Unmap(), bits-96
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr() != a {
		d.hint(w.Pos, fmt.Sprintf("%s is the network %s", w.Text, p), "write that")
	}
	return p, true
}

// clients reads a list of networks and names. It reads a list only once: one that
// amends every entry may be very long.
func (d *draft) clients(v []Word) []Client {
	list, known := d.out.with.clients[&v[0]]
	if known {
		return list
	}
	list = make([]Client, 0, len(v))
	for _, w := range v {
		p, ok := d.network(w)
		name := strings.TrimPrefix(w.Text, ".")
		switch {
		case ok:
			list = append(list, Client{Net: p})
		case strings.ContainsAny(w.Text, ":/") || isNumber(strings.ReplaceAll(name, ".", "")) || !isName(name):
			d.bad(w, 0, "expected an address, a network such as 192.0.2.0/24, a host name, or a domain with a dot before it")
		default:
			list = append(list, Client{Name: w.Text})
		}
	}
	if d.out.with.clients != nil && !d.failed {
		d.out.with.clients[&v[0]] = list
	}
	return list
}

func (d *draft) ipsec(_ *Keys, v []Word) {
	d.e.IPsec = v[0].Text
	d.report(Warning, v[0].Pos, "IPsec policy ignored: the traffic of the service is not protected by it", "")
}
