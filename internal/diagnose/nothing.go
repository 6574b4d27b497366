package diagnose

import (
	"fmt"
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Without a delay, a wait server that ends without having accepted or read anything
// would be started again in a tight loop.
const (
	patience   = 3                      // such servers in a row before something is done
	minRestart = 250 * time.Millisecond // before the next one, doubled each time
	maxRestart = 10 * time.Second
)

// needsNowait is advice on a stream service whose servers take no connection.
const needsNowait = "; if it serves its standard input, and accepts no connection itself, it needs nowait"

// TookNothing counts a server that has taken nothing, and returns the time until the next
// may be started. The third in a row is logged, and the datagram that waits is dropped. A
// server that was started for one client is logged at once.
func (d *Doctor) TookNothing(v *table.Service, p *running.Process, st child.Status) time.Duration {
	u := v.Usage()
	u.IdleStarts++
	limit, text, advice := patience, "not accepted a connection, and is started less often now", needsNowait
	switch {
	case p.Lent == nil:
		limit, text, advice = 1, "not read its datagram, which is dropped", ""
	case !p.Lent.Spec.Listens():
		text, advice = "not read the datagram that waits, which is dropped", ""
		if u.IdleStarts >= patience {
			sock.Consume(int(p.Lent.FD), p.Lent.Spec)
		}
	}
	if st.Wait.Signaled() && child.Crash(st.Wait.Signal()) { // the line about the crash has said why
		advice = ""
	}
	if u.IdleStarts == limit {
		d.log.Tell(syslog.Err, v, fmt.Sprintf("%s: %s[%d] has %s", v.Label, p.Service.Do.Program.Path(), st.Pid, text), child.How(st.Wait), advice)
	}
	return min(minRestart<<min(u.IdleStarts-1, 10), maxRestart)
}

// WhySuspended is advice on a suspended service: its clients still wait, although so many
// servers have been started for its socket.
func WhySuspended(v *table.Service) string {
	for k := v.First; k != nil; k = k.Next {
		if v.Do.Mode == plan.Lend && k.Spec.Listens() && k.FD >= 0 && k.Queued() > 0 {
			return needsNowait
		}
	}
	return ""
}
