// Package limit decides who may have how much. In go the time, a service and the Source
// of a client; out comes whether the client may be served now. It is pure: it starts
// nothing, logs nothing and never asks for the time.
//
// Usage is what a service has used of the Limits of its entry: starts within some time
// and servers at once, altogether and for each source. Ledger holds penalties and bans of
// sources.
//
// Pool is for room that services share, and that a silent client could take away from all
// of them:
//
//	if !pool.Room(service, now) { ... }              // before accept: leave clients in the listen queue
//	m := pool.Enter(service, source, now)            // after accept; nil: no room for this source
//	m.Evict = func() { unix.Shutdown(conn, ...) }    // then a silent client can lose its room
//	m.Wait(now); read(conn); m.Work()                // around each wait for the client
//	m.Leave()                                        // at the end, also after Evict
//
// A member that cannot be ended early (a question to a name server, a server process)
// never calls Wait, and so never loses its room.
package limit

import (
	"fmt"
	"strings"
	"time"
)

// Interval is the time over which starts are counted unless an entry asks for another
// (CNT_INTVL of BSD).
const Interval = 60 * time.Second

// Limits are the limits of one service; 0 is no limit. The names in JSON are
// those of --check and --status.
type Limits struct {
	Starts    int `json:"starts"`     // starts of the service per Window
	Max       int `json:"max"`        // servers of the service at once
	PerMinute int `json:"per_minute"` // starts per SourceWindow for one source
	PerSource int `json:"per_source"` // servers at once for one source

	Window       time.Duration `json:"starts_window_ns,omitempty"`     // 0: Interval
	SourceWindow time.Duration `json:"per_minute_window_ns,omitempty"` // 0: Interval
}

// String returns the limits in words, for people.
func (l Limits) String() string {
	var list []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{l.Starts, "starts per " + per(l.Window, "minute")}, {l.Max, "at once"},
		{l.PerMinute, "starts per " + per(l.SourceWindow, "minute") + " and source"}, {l.PerSource, "at once per source"},
	} {
		if p.n > 0 {
			list = append(list, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

// Counts reports whether the number of running servers matters, so that the
// end of each must be noticed at once.
func (l Limits) Counts() bool { return l.Max > 0 || l.PerSource > 0 }

// period returns the time over which starts are counted; 0 stands for Interval.
func period(over time.Duration) time.Duration {
	if over == 0 {
		return Interval
	}
	return over
}

// per returns the time over which starts are counted as text, or usual for Interval.
func per(over time.Duration, usual string) string {
	if period(over) == Interval {
		return usual
	}
	s := over.String() // 1h0m0s
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Window counts starts. It begins with the first of them and lasts for the time over,
// which is the same at each call; 0 stands for Interval.
type Window struct {
	Start time.Time // of the first start
	Count int
}

// Admit counts one more start unless the window is full.
func (w *Window) Admit(now time.Time, limit int, over time.Duration) bool {
	if w.Full(now, limit, over) {
		return false
	}
	if w.Count == 0 {
		w.Start = now
	}
	w.Count++
	return true
}

func (w *Window) withdraw() { w.Count = max(w.Count-1, 0) }

// Full reports whether the window holds limit starts. With limit 0 it never does.
func (w *Window) Full(now time.Time, limit int, over time.Duration) bool {
	if now.Sub(w.Start) >= period(over) {
		w.Count = 0
	}
	return limit > 0 && w.Count >= limit
}

// End returns when the next window can begin.
func (w *Window) End(over time.Duration) time.Time { return w.Start.Add(period(over)) }

// Usage is what a service has used of its limits. The zero Usage is that of a
// service without clients.
type Usage struct {
	Starts  Window
	Live    int // running servers
	sources *[kinds]table
}

// Full reports whether as many servers run as l allows.
func (u *Usage) Full(l Limits) bool { return l.Max > 0 && u.Live >= l.Max }

// Admit counts the start of a server for a client, unless the limits of the client's
// source forbid it. The caller has checked the limits of the whole service: those hold
// back all clients before one of them is accepted.
func (u *Usage) Admit(now time.Time, who Source, l Limits) Refusal {
	if who != (Source{}) && (l.PerMinute > 0 || l.PerSource > 0) {
		if r := u.table(who).admit(now, who, l); r.Why != "" {
			return r
		}
	}
	u.Starts.Admit(now, 0, l.Window)
	u.Live++
	return Refusal{}
}

// Refusal returns what Admit would return for a source, and counts nothing. It ignores
// whether there is room for one more source.
func (u *Usage) Refusal(now time.Time, who Source, l Limits) Refusal {
	if u.sources == nil || who == (Source{}) {
		return Refusal{}
	}
	b := &u.sources[who.kind]
	t := tally{starts: b.forgotten}
	if known := b.tallies[who]; known != nil {
		t = *known
	}
	return t.refusal(now, l)
}

// Release takes back one server that Admit counted for a source.
func (u *Usage) Release(who Source) {
	u.Live--
	if u.sources != nil {
		u.sources[who.kind].release(who)
	}
}

// Withdraw takes back all that Admit counted for a source: its server was not started,
// and Admit will be called for the client again.
func (u *Usage) Withdraw(who Source) {
	u.Starts.withdraw()
	u.Live--
	if u.sources != nil {
		u.sources[who.kind].withdraw(who)
	}
}

// Reply counts a datagram sent to a source. It reports false, and counts nothing, if the
// source had l.PerMinute of them in this SourceWindow.
func (u *Usage) Reply(now time.Time, who Source, l Limits) bool {
	return u.table(who).reply(now, who, l)
}

// table returns the table of the kind of a source.
func (u *Usage) table(who Source) *table {
	if u.sources == nil {
		u.sources = new([kinds]table)
	}
	return &u.sources[who.kind]
}

// Refusal says why a source may not start one more server. The zero Refusal
// means that it may.
type Refusal struct {
	Why   string // what the source exceeds: "counts" or "counts/min", the words of FreeBSD's log, or the room for sources
	Limit int
	Rate  bool          // the limit is one on starts
	Over  time.Duration // the time over which starts are counted; 0: Interval
}

// String returns what the source exceeds: "counts/min", or "counts/10s" for another time.
func (r Refusal) String() string {
	if r.Over == 0 {
		return r.Why
	}
	return "counts/" + per(r.Over, "min")
}
