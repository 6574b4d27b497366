package table

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/limit"
	"inetd/internal/status"
)

// Usage is what a service has used of its limits, and what is known of its servers. It
// survives a reload.
type Usage struct {
	limit.Usage
	status.Counts
	IdleStarts int      // servers in a row that ended without having taken anything
	Halted     bool     // suspended: its sockets are not polled until the window has passed
	Failing    []Cause  // the logged reasons why its servers could not be started
	Mended     []string // the logged faults that wait servers have left in its sockets
	Altered    bool     // a wait server has changed options of a socket
	Fitness
	Looked    time.Time     // when the options of a socket were last checked
	Unwelcome time.Time     // when a refused sender of a datagram was last logged
	Unproxied time.Time     // when a client without a proxy's header was last logged
	Expected  int           // clients whose proxy header is being read
	Debts     *limit.Ledger // penalties of sources; nil: there were none
}

// NoRoom reports whether as many servers as l allows run or are about to be started.
func (u *Usage) NoRoom(l limit.Limits) bool {
	if u.Expected == 0 {
		return u.Full(l)
	}
	return l.Max > 0 && u.Live+u.Expected >= l.Max || l.Starts > 0 && u.Starts.Count+u.Expected >= l.Starts
}

// Fitness is what is known of the servers of a service, as long as it has one program.
type Fitness struct {
	Sound    bool // a server has ended in order, or the log says what is wrong
	Suspect  bool // the connection of the next server is to be watched
	Examined bool // a long-lived server was examined for listening sockets
}

// CountEnd counts the end of a server by how it ended.
func (u *Usage) CountEnd(st child.Status) {
	switch {
	case st.Stage != child.Run: // counted by diagnose.Doctor.NotStarted, which knows why
	case st.Wait == 0:
		u.EndedWell++
	case st.Wait.Signaled():
		u.Killed++
		u.Err(child.How(st.Wait), time.Now())
	default:
		u.EndedError++
		u.Err(child.How(st.Wait), time.Now())
	}
}
