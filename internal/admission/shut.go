package admission

import (
	"fmt"
	"time"

	"inetd/internal/client"
	"inetd/internal/table"
)

// shuts reports whether a service is closed to all clients for a while, by its keys
// hours and max_load. It counts and logs the client, who may be nobody in particular.
func (d *Door) shuts(v *table.Service, c *client.Client, now time.Time) bool {
	if !v.Do.Keys.Shuts() {
		return false
	}
	why, key := v.Do.Keys.Shut(d.clock.Now(), func() float64 { return d.Load.At(now) })
	if key == "" {
		return false
	}
	v.Usage().Refused.Rules++
	d.log.Refused(v, c, why, key)
	return true
}

// tooFull reports whether a client is refused because the service is full, which it
// counts and logs.
func (d *Door) tooFull(v *table.Service, c *client.Client, now time.Time) bool {
	u, l := v.Usage(), v.Do.Limits
	switch {
	case !v.Do.RefusesFull():
		return false
	case u.Full(l):
		d.log.Exceeded(v, c.Who(v), "refused, as many servers run as may", l.Max, "accept_max", "full")
	case u.Starts.Full(now, l.Starts, l.Window):
		d.log.Exceeded(v, c.Who(v), fmt.Sprintf("refused, the service had its starts of %g s", u.Starts.End(l.Window).Sub(u.Starts.Start).Seconds()), l.Starts, "service_max", "full")
	default:
		return false
	}
	u.Refused.Full++
	return true
}
