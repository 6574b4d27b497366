package table

import (
	"fmt"
	"time"

	"inetd/internal/plaintext"
)

// State returns what the socket is doing, in words. unstarted is how many of the admitted
// clients of its service have no server yet.
func (k *Socket) State(unstarted int) string {
	u := k.Service.Usage()
	switch {
	case k.FD < 0:
		return "not open"
	case k.Server != 0:
		return fmt.Sprintf("waiting for process %d", k.Server)
	case u.Halted:
		return "suspended until " + u.Starts.End(k.Service.Do.Limits.Window).Format(time.TimeOnly)
	case u.IdleStarts > 0:
		return plaintext.Count(u.IdleStarts, "server has taken nothing", "servers in a row have taken nothing")
	case !k.Polled:
		return "full: " + k.Service.users(u.Live-unstarted)
	}
	return "listening, " + k.Service.users(u.Live-unstarted)
}

// MuxState returns what a service of tcpmux is doing, in words.
func (v *Service) MuxState() string {
	u := v.Usage()
	if u.Halted {
		return "suspended until " + u.Starts.End(v.Do.Limits.Window).Format(time.TimeOnly)
	}
	return "handed out by tcpmux, " + servers(u.Live)
}

// users returns n with the noun for what the service's limits count: servers, or clients
// if they are passed on, because many of these may share one server.
func (v *Service) users(n int) string {
	if v.Do.Passes() {
		return plaintext.Count(n, "client", "clients")
	}
	return servers(n)
}

func servers(n int) string { return plaintext.Count(n, "server", "servers") }

// NotAvailable is the answer to a client of tcpmux who gets no server.
const NotAvailable = "-Service not available\r\n"
