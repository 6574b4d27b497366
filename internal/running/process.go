// Package running keeps track of the processes that the daemon has started: what each
// serves, and when it ends. In goes a process that was just started (Begin); out comes its
// end (Reap). The end of a server that lives only for a moment costs nothing to notice;
// that of any other is noticed at once. A server that runs for too long is told to end,
// and killed if it does not (End). Stderrs logs what servers write on standard error.
//
// Everything here belongs to the goroutine of the event loop.
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
	Program *child.Program     // the program that was started
	Lent    *table.Socket      // the socket that a wait server has
	Queued  int64              // Lent.Queued() when the socket was lent
	Client  client.Client      // of a nowait server
	Kept    int                // the daemon's descriptor of its connection, for key linger; 0: none
	Probe   int                // another, if the server is suspect (diagnose.Doctor.Probe); 0: none
	Stderr  *stderrlog.Source  // what it writes on its standard error; nil: that is not logged
	Begun   int64              // Unix time in ns
	Kill    int64              // when its process group is killed after being told to end, as Unix time in ns; 0: it was not told
	Cookie  uint64             // of the socket of its connection; 0: it has no idle time
	PID     int                // set by Begin
	pidfd   int                // 0: none
	Done    func(child.Status) // called at the end of a process that serves no client itself; a command of the daemon has no Service and Program
}

// PidFD is the descriptor by which the end of the process is noticed; 0: there is none yet.
func (p *Process) PidFD() int { return p.pidfd }

// Unprobe closes the probe, if there is one.
func (p *Process) Unprobe() {
	if p.Probe > 0 {
		unix.Close(p.Probe)
	}
	p.Probe = 0
}

// Stamp tells, as a Unix time in ns, when the last datagram that the server has taken
// arrived; it is 0 if there was none, and negative if that is not known.
func (p *Process) Stamp() int64 {
	if t := p.Client.Session; t != nil {
		return sock.Stamp(t.Conn)
	}
	if k := p.Lent; k != nil && k.FD >= 0 && !k.Spec.Listens() {
		return sock.Stamp(int(k.FD))
	}
	return -1
}

// Awaited reports whether a client or a datagram waits in the socket that the server was
// lent, or that it has for its client's datagrams.
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
// tells. For connections only the length of the queue is known, and other clients may
// have joined it since; so only a server that failed within briefTime is suspected. A
// server that ends with status 0 is left to the limit on starts.
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
