// Package running keeps the processes that the daemon has started: what each serves, and
// when it has ended. In goes a process that was just started (Begin); out come the ends
// (Reap), which cost nothing for servers that live for a moment only and are noticed at
// once of the others. A server that runs for too long is told to end, and killed if it
// does not (End); Stderrs has what servers say on their standard error logged.
//
// All belongs to the goroutine of the event loop.
package running

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/sock"
	"inetd/internal/stderrlog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Process is a running server.
type Process struct {
	Service *table.Service     // as it was at the start
	Program *child.Program     // that was started
	Lent    *table.Socket      // the socket that a wait server has
	Queued  int64              // table.Socket.Queued when it was lent
	Client  client.Client      // of a nowait server
	Kept    int                // the daemon's descriptor of its connection; 0: none
	Probe   int                // likewise, of a server that is suspect
	Stderr  *stderrlog.Source  // what it writes on its standard error; nil: that is not logged
	Begun   int64              // Unix time in ns
	Kill    int64              // when it is killed, having been told to end with all of its session, as Unix time in ns; 0: it was not
	Cookie  uint64             // of its connection, if it may not be idle for ever
	PID     int                // set by Begin
	pidfd   int                // 0: none
	Done    func(child.Status) // called with the end of what serves no client itself; a command of the daemon has no Service and Program
}

// PidFD is the descriptor by which its end is noticed; 0: there is none yet.
func (p *Process) PidFD() int { return p.pidfd }

// Unprobe closes a probe.
func (p *Process) Unprobe() {
	if p.Probe > 0 {
		unix.Close(p.Probe)
	}
	p.Probe = 0
}

// Stamp tells when the last datagram arrived that a server has taken; it is negative if
// that is not known.
func (p *Process) Stamp() int64 {
	if t := p.Client.Session; t != nil {
		return sock.Stamp(t.Conn)
	}
	if k := p.Lent; k != nil && k.FD >= 0 && !k.Spec.Listens() {
		return sock.Stamp(int(k.FD))
	}
	return -1
}

// Awaited reports whether a client waits, or a datagram, in the socket that the server
// was lent or has for its client's datagrams.
func (p *Process) Awaited() bool {
	if t := p.Client.Session; t != nil {
		return t.Waits()
	}
	k := p.Lent
	return k != nil && k.FD >= 0 && sock.Readable(int(k.FD))
}

// briefTime is how long a wait server may have lived to be suspected: see TookNothing.
const briefTime = time.Second

// TookNothing reports whether a wait server has ended without taking what it was
// started for, given that its socket is readable. For Internet datagrams the kernel
// tells. For connections there is only the length of the queue, which others may
// have joined since; so only a server that failed within a second is suspected. One
// that ends with status 0 is left to the limit on starts.
func (p *Process) TookNothing(st child.Status) bool {
	k := p.Lent
	switch {
	case p.Kill != 0:
		return false
	case !k.Spec.Listens() && p.Queued >= 0:
		return k.Queued() == p.Queued
	case st.Wait == 0, time.Since(time.Unix(0, p.Begun)) > briefTime:
		return false
	}
	return k.Queued() >= p.Queued
}
