// Package logbook writes the log lines about services. In goes what has happened to a
// service, its clients or its servers; out comes a line that says where its entry
// stands (FILE:LINE). What may happen often is one line for the first time, and then
// one a minute with how often it was.
package logbook

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/access"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/seldom"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Book is a log. But for the methods of its Logger it belongs to the goroutine of the
// event loop.
type Book struct {
	*syslog.Logger
	Every       time.Duration // between lines that only count; a minute
	Connections bool          // one line at the start and one at the end of each server

	timers  *loop.Timers
	now     *table.InForce
	seldom  seldom.Lines[table.Cause]
	starved time.Time // when the log was last told that the system has run out of something
}

// New makes a Book of a log, for the services in force now.
func New(l *syslog.Logger, timers *loop.Timers, now *table.InForce) *Book {
	return &Book{Logger: l, Every: time.Minute, timers: timers, now: now}
}

// Tell logs a line about a service. The text begins with its subject and is the
// classic one, if there is such; in parentheses follow what it is about, such as
// a client or an address, and the place of the entry, and then advice.
func (b *Book) Tell(p syslog.Priority, v *table.Service, text, about, advice string) {
	if about != "" {
		about += ", "
	}
	b.Log(p, text+" ("+about+b.Place(v)+")"+advice)
}

// Place is where the entry of a service stands.
func (b *Book) Place(v *table.Service) string { return b.now.Place(v) }

// PlaceOf is where the first of some keys stands that an entry has, or else the entry.
func (b *Book) PlaceOf(v *table.Service, keys ...string) string {
	for _, key := range keys {
		i := slices.IndexFunc(v.Do.Asks, func(a plan.Ask) bool { return a.Key == key })
		if i >= 0 {
			return v.Do.Asks[i].Place()
		}
	}
	return b.Place(v)
}

// First reports whether a line is to be logged, the first of its cause. If not it is
// counted, and once a minute the log says how many more there were, of whom, and text.
func (b *Book) First(about table.Cause, whom, text string) bool {
	if !b.seldom.Tell(about) {
		return false
	}
	b.more(about, whom, text)
	return true
}

// more logs how many more there were, of clients or servers, as long as there are any.
func (b *Book) more(about table.Cause, whom, text string) {
	b.timers.After(b.Every, func() {
		if n := b.seldom.Rest(about); n > 0 {
			b.Errorf("%s: %s%s", about.Label, plan.Count(n, "more "+whom, "more "+whom+"s"), text)
			b.more(about, whom, text)
		}
	})
}

// Forget makes the next line of a cause the first one.
func (b *Book) Forget(about table.Cause) { b.seldom.Forget(about) }

// Exceeded logs that a client has exceeded a limit, which the first of some keys has set
// that the entry has.
func (b *Book) Exceeded(v *table.Service, who, what string, limit int, keys ...string) {
	about := v.Cause(what)
	if !b.seldom.Tell(about) {
		return
	}
	in := fmt.Sprintf(" (limit %d, %s)", limit, b.PlaceOf(v, keys...))
	b.Log(syslog.Err, v.Label+" from "+who+" "+what+in)
	b.more(about, "client", " "+what+in)
}

// Refused logs that a client, who may be nobody in particular, is refused because of a
// key of the entry; "": of another one's.
func (b *Book) Refused(v *table.Service, c *client.Client, why, key string) {
	about := v.Cause(key)
	if !b.seldom.Tell(about) {
		return
	}
	who := ""
	if c.Source != (limit.Source{}) {
		who = " from " + c.Who(v)
	}
	what := "refused: " + why + " (" + b.PlaceOf(v, key) + ")"
	b.Log(syslog.Warning, v.Label+who+" "+what)
	b.more(about, "client", " "+what)
}

// Lack logs, once a minute, that the system has run out of something.
func (b *Book) Lack(v *table.Service, what string, err error) {
	b.short(v, what, err, "trying again")
}

// DatagramLost logs, once a minute, that a datagram is lost because the system has run
// out of something.
func (b *Book) DatagramLost(v *table.Service, what string, err error) {
	b.short(v, what, err, "the datagram is lost")
}

// short logs that the system has run out of something, and what that means for the
// client.
func (b *Book) short(v *table.Service, what string, err error, outcome string) {
	if now := time.Now(); now.Sub(b.starved) > time.Minute {
		b.starved = now
		b.Tell(syslog.Err, v, v.Label+": "+what+": "+strerror.Call(err)+"; "+outcome, "", "")
	}
}

// Problems logs the problems of rules. Any goroutine may call it.
func (b *Book) Problems(problems []access.Problem) {
	for _, p := range problems {
		b.Warningf("%s", p)
	}
}

// Since is the time that has passed since a Unix time in ns, as a line has it.
func Since(begun int64) time.Duration {
	return time.Duration(time.Now().UnixNano() - begun).Round(time.Millisecond)
}
