package inetd

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/plan"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// refuseTime is how long a client that is refused may take to read why and to close.
const refuseTime = 5 * time.Second

// refusal is what a client is told that the service refuses; "": nothing.
func (s *Server) refusal(v *service) string {
	switch k := v.do.keys; {
	case k.Has("refuse"):
		return k.Refuse
	case k.Has("banner_fail") && s.now.banners[k.BannerFail] != "":
		return s.now.banners[k.BannerFail]
	case v.do.Mux:
		return notAvailable
	}
	return ""
}

// sendAway ends the connection of a client that is not served. The text fits into the
// empty send buffer.
func (s *Server) sendAway(v *service, conn int) {
	text := s.refusal(v)
	if text == "" && (v.do.keys == nil || v.do.keys.Banner == "") {
		unix.Close(conn)
		return
	}
	unix.SendmsgN(conn, []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	s.drain(conn, refuseTime)
}

// refusesFull reports whether a client who finds a service full is refused, and does
// not wait (key full).
func (do *action) refusesFull() bool {
	return do.keys != nil && do.keys.FullRefuse && do.Mode == plan.Accept
}

// tooFull reports whether a client is refused because the service is full, which it
// counts and logs.
func (s *Server) tooFull(v *service, c *client, now time.Time) bool {
	u, l := v.usage(), v.do.Limits
	switch {
	case !v.do.refusesFull():
		return false
	case u.Full(l):
		s.tellRefused(v, c.who(v), "refused, as many servers run as may", l.Max, "accept_max", "full")
	case u.Starts.Full(now, l.Starts, l.Window):
		s.tellRefused(v, c.who(v), fmt.Sprintf("refused, the service had its starts of %g s", u.Starts.End(l.Window).Sub(u.Starts.Start).Seconds()), l.Starts, "service_max", "full")
	default:
		return false
	}
	u.Refused.Full++
	return true
}

// seldomTime is how often the clients are counted in the log that a service has
// refused for one cause, after the first of them.
const seldomTime = time.Minute

// cause is why clients of a service are refused, or its servers fail, as the log says
// it.
type cause struct{ label, what string }

// cause is one that concerns a service.
func (v *service) cause(what string) cause { return cause{v.label, what} }

// tellRefused logs that a client has exceeded a limit, which the first of some keys
// has set that the entry has. Of a service and cause the first client is logged, and
// then each minute how many more there were.
func (s *Server) tellRefused(v *service, who, what string, limit int, keys ...string) {
	about := v.cause(what)
	if !s.seldom.Tell(about) {
		return
	}
	in := fmt.Sprintf(" (limit %d, %s)", limit, s.placeOf(v, keys...))
	s.log.Log(syslog.Err, v.label+" from "+who+" "+what+in)
	s.tellMore(about, "client", " "+what+in)
}

// tellMore logs how many more there were, of clients or servers, as long as there are
// any.
func (s *Server) tellMore(about cause, whom, text string) {
	s.timers.After(s.seldomTime, func() {
		if n := s.seldom.Rest(about); n > 0 {
			s.log.Errorf("%s: %s%s", about.label, plan.Count(n, "more "+whom, "more "+whom+"s"), text)
			s.tellMore(about, whom, text)
		}
	})
}

// placeOf is where the first of some keys stands that an entry has, or else the entry.
func (s *Server) placeOf(v *service, keys ...string) string {
	for _, key := range keys {
		i := slices.IndexFunc(v.do.asks, func(a plan.Ask) bool { return a.Key == key })
		if i >= 0 {
			return v.do.asks[i].Place()
		}
	}
	return s.now.place(v)
}
