// Package idle finds the servers that have had nothing to do for their idle time. In goes
// what each server serves: a connection, or the socket that its clients connect to; out
// comes when that was last in use, as far as the kernel tells. One question to the kernel
// covers all servers, and no descriptor is kept for it. Ask may take a while; all else is
// quick and belongs to one goroutine. A Limiter ends the idle servers of an event loop.
package idle

import (
	"net/netip"
	"time"

	"inetd/internal/sock"
	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// Subject is what a server serves: one connection, or all those to a socket. The zero
// Subject is something that the kernel is not asked about.
type Subject struct {
	Cookie uint64         // of the socket of a TCP connection
	At     netip.AddrPort // where clients connect by TCP
	Dual   bool           // At is [::], and takes IPv4 as well
	Path   string         // where clients connect in the UNIX domain
}

// Listener is the Subject of a server that has a listening socket with a port, or the
// zero Subject if the kernel cannot be asked about its clients.
func Listener(s sock.Spec, port uint16) Subject {
	switch {
	case s.Path() != "":
		return Subject{Path: s.Path()}
	case s.Protocol != unix.IPPROTO_TCP:
		return Subject{}
	}
	return Subject{At: netip.AddrPortFrom(s.Addr.Addr().WithZone(""), port), Dual: s.Dual}
}

// takes reports whether a connection with a local address belongs to the listening socket.
func (s *Subject) takes(local netip.Addr) bool {
	at := s.At.Addr()
	return at == local || at.IsUnspecified() && (s.Dual || at.Is4() == local.Is4())
}

// Server is a server with an idle time.
type Server struct {
	Subject
	PID   int
	Time  time.Duration // how long it may have nothing to do
	Since time.Time     // the last time it is known to have had something to do
	Known bool          // the kernel has reported its connection
}

// over reports whether, at a time, the server has had nothing to do for its idle time. It
// never has if its connection is in another network namespace, which the kernel does not
// report.
func (s *Server) over(at time.Time) bool {
	return at.Sub(s.Since) >= s.Time && (s.Known || s.Cookie == 0)
}

// Table holds the servers with an idle time. Its zero value is ready for use.
type Table struct{ servers map[int]*Server }

// Add puts a server into the table.
func (t *Table) Add(s *Server) {
	if t.servers == nil {
		t.servers = map[int]*Server{}
	}
	t.servers[s.PID] = s
}

// Remove forgets a server, if it is in the table.
func (t *Table) Remove(pid int) { delete(t.servers, pid) }

// Get returns a server, or nil.
func (t *Table) Get(pid int) *Server { return t.servers[pid] }

// Has reports whether a server is still in the table.
func (t *Table) Has(s *Server) bool { return t.servers[s.PID] == s }

// All returns the servers, in no order.
func (t *Table) All() []*Server {
	list := make([]*Server, 0, len(t.servers))
	for _, s := range t.servers {
		list = append(list, s)
	}
	return list
}

// minPeriod bounds how often the kernel is asked.
const minPeriod = 50 * time.Millisecond

// Period returns how long to wait before the next question: a quarter of the shortest idle
// time, at least minPeriod, and 0 if there are no servers.
func (t *Table) Period() time.Duration {
	shortest := time.Duration(0)
	for _, s := range t.servers {
		if shortest == 0 || s.Time < shortest {
			shortest = s.Time
		}
	}
	if shortest == 0 {
		return 0
	}
	return Pause(shortest)
}

// Pause returns how long to wait before the next question about a server with an idle
// time.
func Pause(idleTime time.Duration) time.Duration { return max(idleTime/4, minPeriod) }

// Update notes when servers were last in use: used has an element for each server of list,
// zero if the server is not in use. It returns the servers whose idle time was over when
// the kernel was asked, without those that have left the table. The time that the answer
// took does not count: nobody knows what the servers did meanwhile.
func (t *Table) Update(list []*Server, used []time.Time, asked time.Time) (over []*Server) {
	for i, s := range list {
		if u := used[i]; !u.IsZero() {
			s.Known = true
			s.Since = later(s.Since, u)
		}
		if t.Has(s) && s.over(asked) {
			over = append(over, s)
		}
	}
	return over
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// question says which servers, by their index, an answer of the kernel is about.
type question struct {
	conns map[uint64]int // by cookie
	ports map[uint16][]int
	paths map[string][]int
}

// Ask asks the kernel when servers were last in use. For a connection, that is when the
// last byte went either way. A socket that clients connect to was in use when the kernel
// answered, if a client is connected. The time of a server that is not in use is zero.
func Ask(list []*Server) ([]time.Time, error) {
	q := ordered(list)
	used := make([]time.Time, len(list))
	if len(q.conns)+len(q.ports) > 0 {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			found, err := sockdiag.Dump(sockdiag.Query{Family: family, Protocol: unix.IPPROTO_TCP, States: connected, Times: len(q.conns) > 0})
			if err != nil {
				return nil, err
			}
			now := time.Now()
			for _, s := range found {
				q.internet(list, used, s, now)
			}
		}
	}
	if len(q.paths) == 0 {
		return used, nil
	}
	found, err := sockdiag.UnixPaths()
	now := time.Now()
	for path := range found {
		for _, i := range q.paths[path] {
			used[i] = now
		}
	}
	return used, err
}

// connected are the states of sockets that are connected, or were until their server
// or client closed them.
var connected = []sockdiag.State{
	sockdiag.Established, sockdiag.FinWait1, sockdiag.FinWait2, sockdiag.CloseWait, sockdiag.LastAck, sockdiag.Closing,
}

func ordered(list []*Server) question {
	q := question{map[uint64]int{}, map[uint16][]int{}, map[string][]int{}}
	for i, s := range list {
		switch port := s.At.Port(); {
		case s.Cookie != 0:
			q.conns[s.Cookie] = i
		case port != 0:
			q.ports[port] = append(q.ports[port], i)
		case s.Path != "":
			q.paths[s.Path] = append(q.paths[s.Path], i)
		}
	}
	return q
}

// internet notes what a socket that the kernel reports says about servers.
func (q *question) internet(list []*Server, used []time.Time, s sockdiag.Socket, now time.Time) {
	if i, ok := q.conns[s.Cookie]; ok {
		used[i] = now.Add(-min(s.LastSent, s.LastReceived))
	}
	if !isClient(s) {
		return
	}
	for _, i := range q.ports[s.Local.Port()] {
		if list[i].takes(s.Local.Addr()) {
			used[i] = now
		}
	}
}

// isClient reports whether a socket is a connection that a server has, or that waits
// for one to accept it. What a server has closed lives on for a while, without an inode.
func isClient(s sockdiag.Socket) bool {
	switch s.State {
	case sockdiag.Established, sockdiag.CloseWait:
		return true
	case sockdiag.FinWait1, sockdiag.FinWait2:
		return s.Inode != 0
	}
	return false
}
