package admission

import (
	"fmt"
	"time"

	"inetd/internal/client"
	"inetd/internal/table"
)

// shuts reports whether the keys hours and max_load close a service to all clients for
// now. If so it counts and logs the client, which may have no source.
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

// tooFull reports whether a client is refused because the service is full. If so it counts
// and logs the refusal.
func (d *Door) tooFull(v *table.Service, c *client.Client, now time.Time) bool {
	u, l := v.Usage(), v.Do.Limits
	switch {
	case !v.Do.RefusesFull():
		return false
	case u.Full(l):
		d.log.Exceeded(v, c.Who(v), "refused, "+v.Do.Crowd(), l.Max, "accept_max", "full")
	case u.Starts.Full(now, l.Starts, l.Window):
		d.log.Exceeded(v, c.Who(v), fmt.Sprintf("refused, the service had its starts of %g s", u.Starts.End(l.Window).Sub(u.Starts.Start).Seconds()), l.Starts, "service_max", "full")
	default:
		return false
	}
	u.Refused.Full++
	return true
}
