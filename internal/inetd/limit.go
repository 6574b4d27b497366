package inetd

import (
	"net/netip"
	"time"

	"inetd/internal/conf"
)

// countInterval is the time over which starts are counted (CNT_INTVL of BSD).
const countInterval = 60 * time.Second

// limits are those of an entry with the daemon's defaults filled in; 0 is none.
type limits struct {
	starts    int // per countInterval
	max       int // servers at once
	perMinute int // starts per countInterval and source
	perSource int // servers at once per source
}

func (c *Config) limits(l conf.Limits) limits {
	pick := func(own, common int) int {
		if own == conf.Unset {
			return common
		}
		return own
	}
	return limits{pick(l.Starts, c.Starts), pick(l.Max, c.Max), pick(l.PerMinute, c.PerMinute), pick(l.PerSource, c.PerSource)}
}

// counts reports whether the number of running servers matters, so that the
// end of each must be noticed at once.
func (l limits) counts() bool { return l.max > 0 || l.perSource > 0 }

// window counts starts within a countInterval, which begins with its first.
type window struct {
	start time.Time
	count int
}

// admit counts one more start unless limit of them were counted already. Limit
// 0 is none.
func (w *window) admit(now time.Time, limit int) bool {
	if w.full(now, limit) {
		return false
	}
	if w.count == 0 {
		w.start = now
	}
	w.count++
	return true
}

// full reports whether the window holds limit starts.
func (w *window) full(now time.Time, limit int) bool {
	if now.Sub(w.start) >= countInterval {
		w.count = 0
	}
	return limit > 0 && w.count >= limit
}

// end is when the next window can begin.
func (w *window) end() time.Time { return w.start.Add(countInterval) }

// usage is what a service has used of its limits. It goes on through a reload.
type usage struct {
	starts    window
	live      int // running servers
	sources   map[netip.Addr]*source
	balks     int  // servers in a row that ended without having taken anything
	suspended bool // its sockets are not polled until the window has passed
}

// source is what one address has used of a service.
type source struct {
	starts window
	live   int
	told   bool // its first refusal in this window has been logged
}

// maxSources bounds the table of source addresses: beyond it, those that hold
// nothing are forgotten.
const maxSources = 4096

// site is what an address is counted as: IPv6 addresses by their /64, which
// is what one customer has.
func site(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	p, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return addr
	}
	return p.Addr()
}

// source returns the counters of an address.
func (u *usage) source(addr netip.Addr, now time.Time) *source {
	addr = site(addr)
	if c, ok := u.sources[addr]; ok {
		return c
	}
	if u.sources == nil {
		u.sources = map[netip.Addr]*source{}
	}
	if len(u.sources) >= maxSources {
		u.forget(now)
	}
	c := &source{}
	u.sources[addr] = c
	return c
}

// forget drops the sources without servers whose window has passed, and if that
// is not enough all without servers.
func (u *usage) forget(now time.Time) {
	for _, idle := range []time.Duration{countInterval, 0} {
		for a, c := range u.sources {
			if c.live == 0 && now.Sub(c.starts.start) >= idle {
				delete(u.sources, a)
			}
		}
		if len(u.sources) < maxSources/2 {
			return
		}
	}
}

// refusal says why a source may not start one more server, or nothing.
func (c *source) refusal(now time.Time, l limits) (why string, limit int) {
	switch {
	case l.perSource > 0 && c.live >= l.perSource:
		return "counts", l.perSource
	case c.starts.full(now, l.perMinute):
		return "counts/min", l.perMinute
	}
	return "", 0
}
