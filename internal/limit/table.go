package limit

import (
	"math/bits"
	"time"
)

// tally is what one source has used of a service.
type tally struct {
	who    Source
	starts Window
	live   int

	rank       int // of the list that it is in; -1: it has servers and is in none
	prev, next *tally
}

// admit counts a start unless l forbids it.
func (t *tally) admit(now time.Time, l Limits) Refusal {
	if r := t.refusal(now, l); r.Why != "" {
		return r
	}
	t.starts.Admit(now, 0, l.SourceWindow)
	t.live++
	return Refusal{}
}

// refusal says why a source may not start one more server.
func (t *tally) refusal(now time.Time, l Limits) Refusal {
	switch {
	case l.PerSource > 0 && t.live >= l.PerSource:
		return Refusal{Why: "counts", Limit: l.PerSource}
	case t.starts.Full(now, l.PerMinute, l.SourceWindow):
		return Refusal{Why: "counts/min", Limit: l.PerMinute, Rate: true, Over: l.SourceWindow}
	}
	return Refusal{}
}

// table holds the tallies of the sources of one kind. Anybody may have many addresses, or
// claim to, so a table is bounded: a newcomer takes the place of a source that has used
// little, and what such a source has used counts for every newcomer until its window has
// passed. So nobody gets more than a limit allows by being forgotten. A source that has
// reached a limit is not forgotten: if all others have too, the newcomer is refused.
type table struct {
	tallies   map[Source]*tally
	idle      [ranks]list // sources without servers
	forgotten Window      // at least what any forgotten source has used
	spare     *tally      // to be used again
}

// maxSources is how many sources of one kind have a tally, besides those that
// have servers.
const maxSources = 4096

// ranks is how many lists there are: one for each number of binary digits of
// the starts that are counted, the last one for all that have more.
const ranks = 16

// list is a list of tallies. First comes the one that has not changed for longest.
type list struct{ first, last *tally }

func (l *list) push(t *tally) {
	t.prev, t.next = l.last, nil
	if l.last != nil {
		l.last.next = t
	} else {
		l.first = t
	}
	l.last = t
}

func (l *list) remove(t *tally) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.last = t.prev
	}
}

// settle puts a tally that has changed where it belongs.
func (b *table) settle(t *tally) {
	b.take(t)
	if t.live == 0 {
		t.rank = min(bits.Len(uint(t.starts.Count)), ranks-1)
		b.idle[t.rank].push(t)
	}
}

// take takes a tally out of its list.
func (b *table) take(t *tally) {
	if t.rank >= 0 {
		b.idle[t.rank].remove(t)
		t.rank = -1
	}
}

// admit counts the start of a server for a source unless l forbids it.
func (b *table) admit(now time.Time, who Source, l Limits) Refusal {
	t := b.tally(now, who, l)
	if t == nil {
		return Refusal{Why: "the sources that can be counted", Limit: maxSources}
	}
	defer b.settle(t)
	return t.admit(now, l)
}

// reply counts a start, which has no end, unless l forbids it.
func (b *table) reply(now time.Time, who Source, l Limits) bool {
	t := b.tally(now, who, l)
	if t == nil {
		return false
	}
	defer b.settle(t)
	return t.starts.Admit(now, l.PerMinute, l.SourceWindow)
}

// release takes back a server.
func (b *table) release(who Source) {
	if t := b.tallies[who]; t != nil && t.live > 0 {
		t.live--
		b.settle(t)
	}
}

// withdraw takes back a server and its start.
func (b *table) withdraw(who Source) {
	if t := b.tallies[who]; t != nil {
		t.starts.withdraw()
		b.release(who)
	}
}

// tally returns the tally of a source, a new one if need be. It is nil if there
// is no room for a new one.
func (b *table) tally(now time.Time, who Source, l Limits) *tally {
	if t := b.tallies[who]; t != nil {
		return t
	}
	b.forgotten.Full(now, 0, l.SourceWindow) // its window may have passed
	if !b.makeRoom(now, l) {
		return nil
	}
	t := b.spare
	if b.spare = nil; t == nil {
		t = &tally{}
	}
	*t = tally{who: who, starts: b.forgotten, rank: -1}
	if b.tallies == nil {
		b.tallies = map[Source]*tally{}
	}
	b.tallies[who] = t
	return t
}

// makeRoom forgets the source that has used least, unless that has used all starts that l
// allows. If there are too many, because many had servers, it forgets two.
func (b *table) makeRoom(now time.Time, l Limits) bool {
	for n := range 2 {
		t := b.least(now, period(l.SourceWindow))
		if len(b.tallies) < maxSources || t == nil {
			return true
		}
		if t.starts.Full(now, l.PerMinute, l.SourceWindow) {
			return n > 0
		}
		b.forget(t)
	}
	return true
}

// least returns a tally whose window has passed, or else one that has used least. It is
// nil if all sources have servers.
func (b *table) least(now time.Time, over time.Duration) (least *tally) {
	for i := range b.idle {
		t := b.idle[i].first
		if t != nil && now.Sub(t.starts.Start) >= over {
			return t
		}
		if least == nil {
			least = t
		}
	}
	return least
}

// forget drops a tally whose window is up to date.
func (b *table) forget(t *tally) {
	b.take(t)
	delete(b.tallies, t.who)
	b.spare = t
	if f := &b.forgotten; t.starts.Count > 0 {
		f.Count = max(f.Count, t.starts.Count)
		if t.starts.Start.After(f.Start) {
			f.Start = t.starts.Start
		}
	}
}
