package running

import (
	"fmt"
	"time"

	"inetd/internal/child"
	"inetd/internal/compile"

	"golang.org/x/sys/unix"
)

// LimitTime ends a server max_time after its start, if its entry has this key.
func (t *Table) LimitTime(p *Process) {
	k := p.Service.Do.Keys
	if k == nil || k.MaxTime == 0 || p.PID <= 0 {
		return
	}
	t.After(p, time.Until(time.Unix(0, p.Begun).Add(k.MaxTime)), func() {
		t.End(p, fmt.Sprintf("run for %v, its max_time,", k.MaxTime), "max_time")
	})
}

// End tells a server to end, and kills it if it still runs after its end_time. The log says
// why: what it "has" been or done for too long, and the key that says so.
func (t *Table) End(p *Process, what, key string) {
	if p.Kill != 0 {
		return
	}
	at := time.Now().Add(compile.EndTime(p.Service.Do.Keys))
	child.SignalGroup(p.PID, unix.SIGTERM)
	t.log.Noticef("%s: %s[%d]%s has %s and is ended (%s)", p.Service.Label, p.Program.Path(), p.PID, p.Client.From(), what, t.log.PlaceOf(p.Service, key))
	t.KillAt(p, at)
}

// KillAt kills a server that was told to end, if it has not ended by a time.
func (t *Table) KillAt(p *Process, at time.Time) {
	p.Kill = at.UnixNano()
	t.After(p, time.Until(at), func() {
		t.log.Warningf("%s: %s[%d] has not ended within %v and is killed (%s)", p.Service.Label, p.Program.Path(), p.PID, compile.EndTime(p.Service.Do.Keys), t.log.Place(p.Service))
		child.SignalGroup(p.PID, unix.SIGKILL)
	})
}

// serving returns the servers of clients, without programs that the daemon runs itself.
func (t *Table) serving() (pids []int) {
	for _, p := range t.all {
		if p.Done == nil && p.PID > 0 {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// Serving reports whether a server of clients runs.
func (t *Table) Serving() bool { return len(t.serving()) > 0 }

// TellToEnd tells all servers of clients to end.
func (t *Table) TellToEnd() {
	for _, pid := range t.serving() {
		child.SignalGroup(pid, unix.SIGTERM)
	}
}
