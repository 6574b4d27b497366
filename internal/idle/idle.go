// Package idle decides which servers have had nothing to do for too long. In go servers,
// each with a limit and what the kernel knows its clients by, and from time to time the
// kernel's sockets; out come the servers to be ended, and the time of the next question.
// It is pure.
package idle

import (
	"net/netip"
	"time"

	"inetd/internal/sockdiag"
)

// Clients is what the kernel knows the clients of a server by. The zero Clients are
// those of which only Touch tells.
type Clients struct {
	Cookie uint64         // of the socket of the only client; 0: all that connect to Local
	Local  netip.AddrPort // of a TCP server; an unspecified address is any of its family
	Dual   bool           // Local is [::], and its clients come over IPv4 as well
	Path   string         // of a UNIX-domain socket that they connect to
}

// Watch is the servers that are watched, by their process ids. The zero Watch has none.
type Watch struct{ servers map[int]*server }

type server struct {
	Clients
	limit  time.Duration
	active time.Time // when something was last seen to happen
}

// Add watches a server from now on, which is to be ended when it has been idle for
// limit.
func (w *Watch) Add(pid int, limit time.Duration, c Clients, now time.Time) {
	if w.servers == nil {
		w.servers = map[int]*server{}
	}
	w.servers[pid] = &server{c, limit, now}
}

// Remove forgets a server.
func (w *Watch) Remove(pid int) { delete(w.servers, pid) }

// Touch notes that something has happened at a server, if it is watched.
func (w *Watch) Touch(pid int, at time.Time) {
	if s := w.servers[pid]; s != nil && at.After(s.active) {
		s.active = at
	}
}

// Due returns when a server may have been idle for long enough. Somebody has to look
// then, but no sooner than a quarter of the shortest limit after now. It is false if no
// server is watched.
func (w *Watch) Due(now time.Time) (at time.Time, ok bool) {
	var shortest time.Duration
	for _, s := range w.servers {
		if end := s.active.Add(s.limit); !ok || end.Before(at) {
			at = end
		}
		if !ok || s.limit < shortest {
			shortest = s.limit
		}
		ok = true
	}
	if soonest := now.Add(shortest / 4); at.Before(soonest) {
		at = soonest
	}
	return at, ok
}

// Asks tells what has to be asked for Settle: whether the sockets of TCP are wanted, of
// a port if it is not 0, and whether those of the UNIX domain are.
func (w *Watch) Asks() (tcp bool, port uint16, unix bool) {
	for _, s := range w.servers {
		unix = unix || s.Path != ""
		if !s.Local.IsValid() {
			continue
		}
		if tcp && port != s.Local.Port() {
			port = 0
		} else if !tcp {
			port = s.Local.Port()
		}
		tcp = true
	}
	return tcp, port, unix
}

// Settle takes the connected sockets of TCP, and the paths that clients are connected to,
// as they were at a time, and returns the servers that have been idle for too long by
// then.
func (w *Watch) Settle(tcp []sockdiag.Socket, paths map[string]bool, now time.Time) (over []int) {
	last, busy := map[uint64]time.Time{}, map[netip.AddrPort]bool{}
	for _, k := range tcp {
		last[k.Cookie] = now.Add(-min(k.LastSent, k.LastReceived))
		busy[k.Local] = true
		busy[netip.AddrPortFrom(wildcard(k.Local.Addr()), k.Local.Port())] = true
	}
	connected := func(s *server) bool {
		port := s.Local.Port()
		return busy[netip.AddrPortFrom(s.Local.Addr().WithZone(""), port)] || s.Dual && busy[netip.AddrPortFrom(netip.IPv4Unspecified(), port)]
	}
	for pid, s := range w.servers {
		at, ok := last[s.Cookie]
		switch {
		case s.Cookie != 0 && ok:
			w.Touch(pid, at)
		case s.Cookie != 0: // closed: nothing happens any more
		case paths[s.Path], connected(s):
			w.Touch(pid, now)
		}
		if now.Sub(s.active) >= s.limit {
			over = append(over, pid)
		}
	}
	return over
}

// wildcard is the address that stands for any of the family of a.
func wildcard(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
