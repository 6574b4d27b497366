package plan

import (
	"inetd/internal/conf"
	"inetd/internal/limit"
)

// limits returns the limits of an entry, with the daemon's where the entry has none. The
// daemon's limit of starts is for server programs, each of which costs a process.
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
