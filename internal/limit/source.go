package limit

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
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

// tally is what one source has used of a service.
type tally struct {
	starts Window
	live   int
	told   bool // its first refusal in this window has been told
}

// admit counts a start unless l forbids it.
func (t *tally) admit(now time.Time, l Limits) Refusal {
	if r := t.refusal(now, l); r.Why != "" {
		r.First = !t.told
		t.told = true
		return r
	}
	t.starts.Admit(now, 0)
	t.live++
	t.told = false
	return Refusal{}
}

// refusal says why a source may not start one more server.
func (t *tally) refusal(now time.Time, l Limits) Refusal {
	switch {
	case l.PerSource > 0 && t.live >= l.PerSource:
		return Refusal{Why: "counts", Limit: l.PerSource}
	case t.starts.Full(now, l.PerMinute):
		return Refusal{Why: "counts/min", Limit: l.PerMinute}
	}
	return Refusal{}
}

// maxSources bounds the table of sources: beyond it, those that hold nothing are
// forgotten.
const maxSources = 4096

// tally returns the counters of a source.
func (u *Usage) tally(who Source, now time.Time) *tally {
	if t, ok := u.sources[who]; ok {
		return t
	}
	if u.sources == nil {
		u.sources = map[Source]*tally{}
	}
	if len(u.sources) >= maxSources {
		u.forget(now)
	}
	t := &tally{}
	u.sources[who] = t
	return t
}

// forget drops the sources without servers whose window has passed, and if that
// is not enough all without servers.
func (u *Usage) forget(now time.Time) {
	for _, idle := range []time.Duration{Interval, 0} {
		for who, t := range u.sources {
			if t.live == 0 && now.Sub(t.starts.Start) >= idle {
				delete(u.sources, who)
			}
		}
		if len(u.sources) < maxSources/2 {
			return
		}
	}
}
