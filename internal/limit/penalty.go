package limit

import (
	"container/heap"
	"time"
)

// Ledger holds the penalties of sources: times in which they are not served. It works as
// sshd's PerSourcePenalties do. The penalties of a source add up and pass as time does.
// When they come to the minimum the source is refused until all of them have passed. The
// zero Ledger is empty.
type Ledger struct {
	accounts [kinds]accounts
}

// Terms say when penalties count.
type Terms struct {
	Min time.Duration // a source whose penalties come to this is refused
	Max time.Duration // they never come to more
}

// debt is the sum of the penalties of one source.
type debt struct {
	who     Source
	until   time.Time // when all is paid
	refused bool      // it is refused until then
	at      int       // in accounts.order
}

// maxDebts is how many sources of one kind have debts. Anybody may have many addresses,
// so the debts that end soonest are forgiven for new ones that last longer.
const maxDebts = 4096

// accounts are the debts of the sources of one kind.
type accounts struct {
	debts map[Source]*debt
	order order
}

// Punish adds a penalty to the debt of a source. It returns when the debt ends, and
// whether the source is refused from now on and was not before. The zero Source never
// owes anything.
func (l *Ledger) Punish(now time.Time, who Source, by time.Duration, t Terms) (until time.Time, begins bool) {
	by = min(by, t.Max)
	if who == (Source{}) || by <= 0 {
		return now, false
	}
	a := &l.accounts[who.kind]
	d := a.debts[who]
	if d == nil {
		if d = a.open(now, who, now.Add(by)); d == nil {
			return now, false
		}
	}
	if !d.until.After(now) {
		d.until, d.refused = now, false
	}
	d.until = d.until.Add(by)
	if latest := now.Add(t.Max); d.until.After(latest) {
		d.until = latest
	}
	heap.Fix(&a.order, d.at)
	begins = !d.refused && d.until.Sub(now) >= t.Min
	d.refused = d.refused || begins
	return d.until, begins
}

// Ban has a source refused for some time from now on, or until its debt ends if that is
// later. It returns until when, and whether the source was not refused before.
func (l *Ledger) Ban(now time.Time, who Source, by time.Duration) (until time.Time, begins bool) {
	until = now.Add(by)
	if who == (Source{}) || by <= 0 {
		return now, false
	}
	a := &l.accounts[who.kind]
	d := a.debts[who]
	if d == nil {
		if d = a.open(now, who, until); d == nil {
			return now, false
		}
	}
	begins = !d.refused || !d.until.After(now)
	d.refused = true
	if d.until.Before(until) {
		d.until = until
	}
	heap.Fix(&a.order, d.at)
	return d.until, begins
}

// open makes room for the debt of a source, which will be paid at until. It returns nil
// if all others owe more.
func (a *accounts) open(now time.Time, who Source, until time.Time) *debt {
	for len(a.order) > 0 && !a.order[0].until.After(now) {
		d := heap.Pop(&a.order).(*debt)
		delete(a.debts, d.who)
	}
	if a.debts == nil {
		a.debts = map[Source]*debt{}
	}
	if len(a.order) < maxDebts {
		d := &debt{who: who, until: now}
		a.debts[who] = d
		heap.Push(&a.order, d)
		return d
	}
	d := a.order[0]
	if !d.until.Before(until) {
		return nil
	}
	delete(a.debts, d.who)
	a.debts[who] = d
	*d = debt{who: who, until: now} // still the first: the caller puts it into its place
	return d
}

// Refuses reports whether a source is refused because of its debts.
func (l *Ledger) Refuses(now time.Time, who Source) bool {
	d := l.accounts[who.kind].debts[who]
	return d != nil && d.refused && d.until.After(now)
}

// order is a heap with the debt first that is paid soonest (container/heap).
type order []*debt

func (o order) Len() int           { return len(o) }
func (o order) Less(i, j int) bool { return o[i].until.Before(o[j].until) }
func (o order) Swap(i, j int)      { o[i], o[j] = o[j], o[i]; o[i].at, o[j].at = i, j }
func (o *order) Push(x any)        { d := x.(*debt); d.at = len(*o); *o = append(*o, d) }

func (o *order) Pop() any {
	last := len(*o) - 1
	d := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return d
}
