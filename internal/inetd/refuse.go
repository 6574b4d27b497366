package inetd

import (
	"fmt"
	"time"

	"inetd/internal/client"
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
		s.log.Exceeded(v, c.Who(v), "refused, as many servers run as may", l.Max, "accept_max", "full")
	case u.Starts.Full(now, l.Starts, l.Window):
		s.log.Exceeded(v, c.Who(v), fmt.Sprintf("refused, the service had its starts of %g s", u.Starts.End(l.Window).Sub(u.Starts.Start).Seconds()), l.Starts, "service_max", "full")
	default:
		return false
	}
	u.Refused.Full++
	return true
}
