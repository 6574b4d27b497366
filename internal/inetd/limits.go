package inetd

import (
	"inetd/internal/conf"
	"inetd/internal/limit"
)

// limits returns the limits of an entry, and the daemon's where it has none.
func (c *Config) limits(l conf.Limits) limit.Limits {
	pick := func(own, common int) int {
		if own == conf.Unset {
			return common
		}
		return own
	}
	return limit.Limits{
		Starts:    pick(l.Starts, c.Starts),
		Max:       pick(l.Max, c.Max),
		PerMinute: pick(l.PerMinute, c.PerMinute),
		PerSource: pick(l.PerSource, c.PerSource),
	}
}
