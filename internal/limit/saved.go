package limit

import (
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Usage and a Ledger can go to another process as JSON. What is read is consistent
// whatever the text was.

var errSource = errors.New("limit: this is no source")

// MarshalText writes a source for another process.
func (s Source) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d:%d:%x:%x", s.kind, s.bits, s.id, s.low), nil
}

// UnmarshalText reads what MarshalText has written.
func (s *Source) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%d:%d:%x:%x", &s.kind, &s.bits, &s.id, &s.low); err != nil || s.kind >= kinds || s.bits > 128 {
		return errSource
	}
	return nil
}

// savedUsage is a Usage with nothing hidden from package json.
type savedUsage struct {
	Starts Window
	Live   int
	Tables []savedTable // by kind
}

type savedTable struct {
	Tallies   []savedTally
	Forgotten Window
}

type savedTally struct {
	Source Source
	Starts Window
	Live   int
}

// MarshalJSON writes all that is known of sources, too.
func (u *Usage) MarshalJSON() ([]byte, error) {
	saved := savedUsage{Starts: u.Starts, Live: u.Live}
	if u.sources != nil {
		for i := range u.sources {
			saved.Tables = append(saved.Tables, u.sources[i].saved())
		}
	}
	return json.Marshal(saved)
}

func (b *table) saved() savedTable {
	to := savedTable{Forgotten: b.forgotten}
	add := func(t *tally) {
		to.Tallies = append(to.Tallies, savedTally{t.who, t.starts, t.live})
	}
	for _, t := range b.tallies {
		if t.rank < 0 {
			add(t)
		}
	}
	for i := range b.idle { // in their order
		for t := b.idle[i].first; t != nil; t = t.next {
			add(t)
		}
	}
	return to
}

// UnmarshalJSON reads what MarshalJSON has written.
func (u *Usage) UnmarshalJSON(text []byte) error {
	var saved savedUsage
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	*u = Usage{Starts: saved.Starts, Live: max(saved.Live, 0)}
	for i := range min(len(saved.Tables), int(kinds)) {
		u.table(Source{kind: kind(i)}).restore(kind(i), saved.Tables[i])
	}
	return nil
}

// restore fills an empty table.
func (b *table) restore(k kind, from savedTable) {
	b.forgotten = from.Forgotten
	b.tallies = map[Source]*tally{}
	for _, t := range from.Tallies {
		if t.Source.kind != k || b.tallies[t.Source] != nil || t.Live < 0 || t.Starts.Count < 0 {
			continue
		}
		restored := &tally{who: t.Source, starts: t.Starts, live: t.Live, rank: -1}
		b.tallies[t.Source] = restored
		b.settle(restored)
	}
}

// savedDebt is a debt with nothing hidden from package json.
type savedDebt struct {
	Source  Source
	Until   time.Time
	Refused bool
}

// MarshalJSON writes all debts.
func (l *Ledger) MarshalJSON() ([]byte, error) {
	var list []savedDebt
	for i := range l.accounts {
		for _, d := range l.accounts[i].order {
			list = append(list, savedDebt{d.who, d.until, d.refused})
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON has written, as far as there is room.
func (l *Ledger) UnmarshalJSON(text []byte) error {
	var list []savedDebt
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*l = Ledger{}
	for _, d := range list {
		a := &l.accounts[d.Source.kind]
		if a.debts[d.Source] != nil || len(a.order) >= maxDebts || d.Source == (Source{}) {
			continue
		}
		if a.debts == nil {
			a.debts = map[Source]*debt{}
		}
		restored := &debt{who: d.Source, until: d.Until, refused: d.Refused}
		a.debts[d.Source] = restored
		heap.Push(&a.order, restored)
	}
	return nil
}
