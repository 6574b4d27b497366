package inetd

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/client"
	"inetd/internal/plan"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// refuseTime is how long a client that is refused may take to read why and to close.
const refuseTime = 5 * time.Second

// refusal is what a client is told that the service refuses; "": nothing.
func (s *Server) refusal(v *table.Service) string {
	switch k := v.Do.Keys; {
	case k.Has("refuse"):
		return k.Refuse
	case k.Has("banner_fail") && s.now.Banners[k.BannerFail] != "":
		return s.now.Banners[k.BannerFail]
	case v.Do.Mux:
		return table.NotAvailable
	}
	return ""
}

// sendAway ends the connection of a client that is not served. The text fits into the
// empty send buffer.
func (s *Server) sendAway(v *table.Service, conn int) {
	text := s.refusal(v)
	if text == "" && (v.Do.Keys == nil || v.Do.Keys.Banner == "") {
		unix.Close(conn)
		return
	}
	unix.SendmsgN(conn, []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	s.drain(conn, refuseTime)
}

// tooFull reports whether a client is refused because the service is full, which it
// counts and logs.
func (s *Server) tooFull(v *table.Service, c *client.Client, now time.Time) bool {
	u, l := v.Usage(), v.Do.Limits
	switch {
	case !v.Do.RefusesFull():
		return false
	case u.Full(l):
		s.tellRefused(v, c.Who(v), "refused, as many servers run as may", l.Max, "accept_max", "full")
	case u.Starts.Full(now, l.Starts, l.Window):
		s.tellRefused(v, c.Who(v), fmt.Sprintf("refused, the service had its starts of %g s", u.Starts.End(l.Window).Sub(u.Starts.Start).Seconds()), l.Starts, "service_max", "full")
	default:
		return false
	}
	u.Refused.Full++
	return true
}

// seldomTime is how often the clients are counted in the log that a service has
// refused for one cause, after the first of them.
const seldomTime = time.Minute

// tellRefused logs that a client has exceeded a limit, which the first of some keys
// has set that the entry has. Of a service and cause the first client is logged, and
// then each minute how many more there were.
func (s *Server) tellRefused(v *table.Service, who, what string, limit int, keys ...string) {
	about := v.Cause(what)
	if !s.seldom.Tell(about) {
		return
	}
	in := fmt.Sprintf(" (limit %d, %s)", limit, s.placeOf(v, keys...))
	s.log.Log(syslog.Err, v.Label+" from "+who+" "+what+in)
	s.tellMore(about, "client", " "+what+in)
}

// first reports whether a line is to be logged, the first of its cause. If not it is
// counted, and tellMore says how many there were.
func (s *Server) first(about table.Cause, whom, text string) bool {
	if !s.seldom.Tell(about) {
		return false
	}
	s.tellMore(about, whom, text)
	return true
}

// tellMore logs how many more there were, of clients or servers, as long as there are
// any.
func (s *Server) tellMore(about table.Cause, whom, text string) {
	s.timers.After(s.seldomTime, func() {
		if n := s.seldom.Rest(about); n > 0 {
			s.log.Errorf("%s: %s%s", about.Label, plan.Count(n, "more "+whom, "more "+whom+"s"), text)
			s.tellMore(about, whom, text)
		}
	})
}

// placeOf is where the first of some keys stands that an entry has, or else the entry.
func (s *Server) placeOf(v *table.Service, keys ...string) string {
	for _, key := range keys {
		i := slices.IndexFunc(v.Do.Asks, func(a plan.Ask) bool { return a.Key == key })
		if i >= 0 {
			return v.Do.Asks[i].Place()
		}
	}
	return s.now.Place(v)
}
