package admission

import (
	"fmt"
	"time"

	"inetd/internal/client"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// A sensor (key sensor, xinetd's flag SENSOR) is a service that nobody has any business
// with. A client that connects to it is refused by all services for a while.

// senses refuses the client of a sensor, and remembers its address.
func (d *Door) senses(v *table.Service, c *client.Client, now time.Time) bool {
	if v.Do.Builtin != plan.SensorName {
		return false
	}
	v.Usage().Refused.Rules++
	k := v.Do.Keys
	if k.Sensor == 0 || prefix.New(k.PenaltyExempt).Has(c.Peer.Addr()) {
		d.log.Refused(v, c, "this is a sensor", "sensor")
		return true
	}
	if d.Sensed == nil {
		d.Sensed = &limit.Ledger{}
	}
	who := limit.Address(c.Peer.Addr())
	if _, begins := d.Sensed.Ban(now, who, k.Sensor); begins && d.log.First(v.Cause("sensor"), "source", " that touched the sensor") {
		d.log.Log(syslog.Warning, fmt.Sprintf("%s: %s has touched the sensor, and no service serves it for %s (%s)", v.Label, who, forHow(k.Sensor), d.log.PlaceOf(v, "sensor")))
	}
	return true
}

func forHow(d time.Duration) string {
	if d == conf.Forever {
		return "as long as this daemon runs"
	}
	return d.String()
}

// touched reports whether a client is refused because it has touched a sensor.
func (d *Door) touched(v *table.Service, c *client.Client, now time.Time) bool {
	if d.Sensed == nil || !c.Peer.IsValid() || !d.Sensed.Refuses(now, limit.Address(c.Peer.Addr())) {
		return false
	}
	v.Usage().Refused.Penalty++
	d.log.Refused(v, c, "it has touched a sensor", "")
	return true
}
