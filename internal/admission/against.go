package admission

import (
	"fmt"
	"net/netip"
	"time"

	"inetd/internal/limit"
	"inetd/internal/table"
)

// Against says why a service would now turn away a client with an address, "" if it would
// not. Nothing is counted. It leaves out hours, load and access rules: whoever asks can
// tell those from the entry.
func (d *Door) Against(v *table.Service, from netip.Addr) string {
	now, l := time.Now(), v.Do.Limits
	if d.Sensed != nil && d.Sensed.Refuses(now, limit.Address(from)) {
		return "it has touched a sensor"
	}
	u := v.Used
	if u == nil {
		return ""
	}
	who := v.Do.Source(from)
	r := u.Refusal(now, who, l)
	switch {
	case v.Do.Penalty != nil && u.Debts != nil && u.Debts.Refuses(now, who):
		return "it has penalties"
	case v.Do.RefusesFull() && u.Full(l):
		return v.Do.Crowd()
	case v.Do.RefusesFull() && u.Starts.Full(now, l.Starts, l.Window):
		return "the service had its starts"
	case r.Why != "":
		return fmt.Sprintf("it has exceeded %s (limit %d)", r, r.Limit)
	}
	return ""
}
