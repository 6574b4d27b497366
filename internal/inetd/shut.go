package inetd

import (
	"time"

	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/syslog"
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
	s.tellOnce(v, c, why, key)
	return true
}

// tellOnce logs that a client is refused, and for how many more that holds once a
// minute.
func (s *Server) tellOnce(v *table.Service, c *client.Client, why, key string) {
	who := ""
	if c.Source != (limit.Source{}) {
		who = " from " + c.Who(v)
	}
	what := "refused: " + why + " (" + s.placeOf(v, key) + ")"
	if about := v.Cause(key); s.seldom.Tell(about) {
		s.log.Log(syslog.Warning, v.Label+who+" "+what)
		s.tellMore(about, "client", " "+what)
	}
}
