package inetd

import (
	"time"

	"inetd/internal/client"
	"inetd/internal/table"
)

// shuts reports whether a service is closed to all clients for a while, by its keys
// hours and max_load. It counts and logs the client, who may be nobody in particular.
func (s *Server) shuts(v *table.Service, c *client.Client, now time.Time) bool {
	if !v.Do.Keys.Shuts() {
		return false
	}
	why, key := v.Do.Keys.Shut(s.clock.Now(), func() float64 { return s.machineLoad.At(now) })
	if key == "" {
		return false
	}
	v.Usage().Refused.Rules++
	s.log.Refused(v, c, why, key)
	return true
}
