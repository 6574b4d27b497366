package plan

import (
	"inetd/internal/conf"
	"inetd/internal/limit"
)

// limits returns the limits of an entry, and the daemon's where it has none. The
// daemon's number of starts is meant for server programs, which cost a process
// each.
func (c *Config) limits(e *conf.Entry) limit.Limits {
	l, starts, perMinute := e.Limits, c.Starts, c.PerMinute
	if e.Internal || OnDemand(e.Keys) {
		starts = 0
	}
	if e.Internal && e.Type == conf.Dgram {
		perMinute = 0 // an answer is no start
	}
	pick := func(own, common int) int {
		if own == conf.Unset {
			return common
		}
		return own
	}
	return limit.Limits{
		Starts:    pick(l.Starts, starts),
		Max:       pick(l.Max, c.Max),
		PerMinute: pick(l.PerMinute, perMinute),
		PerSource: pick(l.PerSource, c.PerSource),
		Window:    l.Window, SourceWindow: l.SourceWindow,
	}
}
