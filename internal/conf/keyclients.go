package conf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// sourcePrefix reads how many bits of an address make one source: those of IPv4, a
// slash, and those of IPv6.
func (d *draft) sourcePrefix(k *Keys, v []Word) {
	four, six, found := strings.Cut(v[0].Text, "/")
	a, err := strconv.ParseUint(four, 10, 8)
	b, err2 := strconv.ParseUint(six, 10, 8)
	if !found || err != nil || err2 != nil || a < 1 || a > 32 || b < 1 || b > 128 {
		d.bad(v[0], 0, "expected the bits of IPv4 and of IPv6, such as 32/64")
	}
	k.SourceV4, k.SourceV6 = int(a), int(b)
}

// maxRefuse is how long a text for a client may be, in bytes. It must fit into any
// empty send buffer.
const maxRefuse = 1000

func (d *draft) shortText(w Word) string {
	if len(w.Text) > maxRefuse {
		d.bad(w, 0, fmt.Sprintf("expected at most %d bytes", maxRefuse))
	}
	return w.Text
}

// penalty reads what each kind of end of a server costs: "crash:90s fail:5s".
func (d *draft) penalty(k *Keys, v []Word) {
	k.Penalties = Penalties{}
	targets := map[string]*time.Duration{
		"crash": &k.Penalties.Crash, "fail": &k.Penalties.Fail, "refused": &k.Penalties.Refused,
	}
	for _, w := range v {
		name, _, found := strings.Cut(w.Text, ":")
		if targets[name] == nil || !found {
			d.bad(w, 0, "expected crash:TIME, fail:TIME or refused:TIME")
			continue
		}
		*targets[name] = d.durationAt(w, len(name)+1)
	}
}

// sockopt reads names of options, with values after a colon.
func (d *draft) sockopt(k *Keys, v []Word) {
	k.Sockopt = Sockopt{}
	s := &k.Sockopt
	for _, w := range v {
		off := strings.IndexByte(w.Text, ':') + 1
		name := w.Text
		if off > 0 {
			name = w.Text[:off]
		}
		switch name {
		case "keepalive":
			s.KeepAlive = true
		case "nodelay":
			s.NoDelay = true
		case "freebind":
			s.FreeBind = true
		case "device:":
			s.Device = d.shortName(w, off)
		case "mark:":
			s.Mark = d.mark(w, off)
		case "tos:":
			s.TOS = d.integerAt(w, off, 0, 255)
		case "congestion:":
			s.Congestion = d.shortName(w, off)
		case "user_timeout:":
			s.UserTimeout = d.durationAt(w, off)
		case "fastopen:":
			s.FastOpen = d.integerAt(w, off, 1, 65535)
		default:
			d.bad(w, 0, "expected keepalive, nodelay, freebind, device:NAME, mark:N, tos:N, congestion:NAME, user_timeout:TIME or fastopen:N")
		}
	}
}

// shortName reads the name of a device or of a congestion control: to the kernel both
// have at most 15 bytes.
func (d *draft) shortName(w Word, off int) string {
	s := w.Text[off:]
	if s == "" || len(s) > 15 || strings.ContainsAny(s, "/ \t") {
		d.bad(w, off, "expected a name of 1 to 15 bytes")
	}
	return s
}

func (d *draft) mark(w Word, off int) uint32 {
	n, err := strconv.ParseUint(w.Text[off:], 0, 32)
	if err != nil {
		d.bad(w, off, "expected a number up to 4294967295, such as 7 or 0x7")
	}
	return uint32(n)
}

// connect reads where a backend listens.
func (d *draft) connect(k *Keys, v []Word) {
	s := v[0].Text
	rest, vsock := strings.CutPrefix(s, "vsock:")
	switch {
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "@"):
		k.Connect = Place{"unix", s}
		if len(strings.TrimPrefix(s, "@")) > maxPath || len(s) == 1 {
			d.bad(v[0], 0, "a path has 1 to 107 bytes")
		}
	case vsock:
		k.Connect = Place{"vsock", rest}
		cid, port, _ := strings.Cut(rest, ":")
		_, err := strconv.ParseUint(cid, 10, 32)
		if _, err2 := strconv.ParseUint(port, 10, 32); err != nil || err2 != nil {
			d.bad(v[0], 0, "expected vsock:CID:PORT")
		}
	default:
		k.Connect = Place{"tcp", s}
		if !isHostPort(s) {
			d.bad(v[0], 0, "expected HOST:PORT, /PATH, @NAME or vsock:CID:PORT")
		}
	}
}

// isHostPort tells whether s is an address or a host name and the number of a
// port. An IPv6 address stands in brackets.
func isHostPort(s string) bool {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Port() > 0
	}
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return false
	}
	port, err := strconv.ParseUint(s[colon+1:], 10, 16)
	host := s[:colon]
	return err == nil && port > 0 && isName(host) && badHost(host) == ""
}
