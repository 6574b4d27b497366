// Package logbook writes the log lines about services. In goes what has happened to a
// service, its clients or its servers; out comes a line that says where the entry stands
// (FILE:LINE). What may happen often is logged once, and then counted in a line a minute.
package logbook

import (
	"fmt"
	"slices"
	"time"

	"inetd/internal/access"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/loop"
	"inetd/internal/plaintext"
	"inetd/internal/plan"
	"inetd/internal/seldom"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Book is a log. It belongs to the goroutine of the event loop, except for the methods of
// its Logger and Problems.
type Book struct {
	*syslog.Logger
	Every       time.Duration // between lines that only count; New sets a minute
	Connections bool          // one line at the start and one at the end of each server

	timers  *loop.Timers
	now     *table.InForce
	seldom  seldom.Lines[table.Cause]
	starved time.Time // when a line last said that the system has run out of something
}

// New makes a Book that writes to l about the services in force.
func New(l *syslog.Logger, timers *loop.Timers, now *table.InForce) *Book {
	return &Book{Logger: l, Every: time.Minute, timers: timers, now: now}
}

// Tell logs a line about a service. The text begins with its subject, and is the classic
// text if there is one. In parentheses follow what the line is about, such as a client or
// an address, and where the entry stands; then comes advice.
func (b *Book) Tell(p syslog.Priority, v *table.Service, text, about, advice string) {
	if about != "" {
		about += ", "
	}
	b.Log(p, text+" ("+about+b.Place(v)+")"+advice)
}

// Place is where the entry of a service stands.
func (b *Book) Place(v *table.Service) string { return b.now.Place(v) }

// PlaceOf is where the entry's first key out of keys stands, or else the entry itself.
func (b *Book) PlaceOf(v *table.Service, keys ...string) string {
	for _, key := range keys {
		i := slices.IndexFunc(v.Do.Asks, func(a plan.Ask) bool { return a.Key == key })
		if i >= 0 {
			return v.Do.Asks[i].Place()
		}
	}
	return b.Place(v)
}

// First reports whether the caller is to log a line, because it is the first of its cause.
// Later ones are counted, and once a minute the log says how many more there were of whom
// (a noun, in the singular), and text.
func (b *Book) First(about table.Cause, whom, text string) bool {
	if !b.seldom.Tell(about) {
		return false
	}
	b.more(about, whom, text)
	return true
}

// more logs how many more there were, every minute until there are none.
func (b *Book) more(about table.Cause, whom, text string) {
	b.timers.After(b.Every, func() {
		if n := b.seldom.Rest(about); n > 0 {
			b.Errorf("%s: %s%s", about.Label, plaintext.Count(n, "more "+whom, "more "+whom+"s"), text)
			b.more(about, whom, text)
		}
	})
}

// Forget makes the next line of a cause the first one again.
func (b *Book) Forget(about table.Cause) { b.seldom.Forget(about) }

// Exceeded logs that a client has exceeded a limit, set by the entry's first key out of keys.
func (b *Book) Exceeded(v *table.Service, who, what string, limit int, keys ...string) {
	about := v.Cause(what)
	if !b.seldom.Tell(about) {
		return
	}
	in := fmt.Sprintf(" (limit %d, %s)", limit, b.PlaceOf(v, keys...))
	b.Log(syslog.Err, v.Label+" from "+who+" "+what+in)
	b.more(about, "client", " "+what+in)
}

// Refused logs that a client is refused because of a key of the entry; key is "" if the
// cause is another entry's key. A client without a Source is not named.
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

// Lack logs, at most once a minute, that the system has run out of something.
func (b *Book) Lack(v *table.Service, what string, err error) {
	b.short(v, what, err, "trying again")
}

// DatagramLost logs, at most once a minute, that a datagram is lost because the system has
// run out of something.
func (b *Book) DatagramLost(v *table.Service, what string, err error) {
	b.short(v, what, err, "the datagram is lost")
}

// short logs a lack and its outcome for the client, in one line a minute for all services.
func (b *Book) short(v *table.Service, what string, err error, outcome string) {
	if now := time.Now(); now.Sub(b.starved) > time.Minute {
		b.starved = now
		b.Tell(syslog.Err, v, v.Label+": "+what+": "+strerror.Call(err)+"; "+outcome, "", "")
	}
}

// Problems logs the problems of access rules. Any goroutine may call it.
func (b *Book) Problems(problems []access.Problem) {
	for _, p := range problems {
		b.Warningf("%s", p)
	}
}

// Since is the time that has passed since begun, a Unix time in ns, rounded to milliseconds.
func Since(begun int64) time.Duration {
	return time.Duration(time.Now().UnixNano() - begun).Round(time.Millisecond)
}
