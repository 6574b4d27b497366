package table

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/limit"
	"inetd/internal/status"
)

// Usage is what a service has used of its limits, and how it fares. It goes on
// through a reload.
type Usage struct {
	limit.Usage
	status.Counts
	IdleStarts int      // servers in a row that ended without having taken anything
	Halted     bool     // its sockets are not polled until the window has passed
	Failing    []Cause  // why its servers could not be started, as it was logged
	Mended     []string // what wait servers have left behind, as it was logged
	Altered    bool     // one has changed options of its socket
	Fitness
	Looked    time.Time     // when these were last looked at
	Unwelcome time.Time     // when the sender of a datagram who is refused was last told
	Unproxied time.Time     // when a client without a proxy's header was
	Expected  int           // clients whose header is read
	Debts     *limit.Ledger // penalties of sources; nil: there were none
}

// NoRoom reports whether as many servers run, or are about to be started, as may.
func (u *Usage) NoRoom(l limit.Limits) bool {
	if u.Expected == 0 {
		return u.Full(l)
	}
	return l.Max > 0 && u.Live+u.Expected >= l.Max || l.Starts > 0 && u.Starts.Count+u.Expected >= l.Starts
}

// Fitness is what is known of the servers of a service.
type Fitness struct {
	Sound    bool // one has ended in order, or what is wrong was told
	Suspect  bool // the connection of the next one is watched
	Examined bool // one that lives for longer was asked where it listens
}

// CountEnd counts the end of a server.
func (u *Usage) CountEnd(st child.Status) {
	switch {
	case st.Stage != child.Run: // counted by logEnd, which knows why
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
