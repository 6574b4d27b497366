package loop

import (
	"container/heap"
	"time"
)

// Timers are functions to be called on the event loop at some time. They belong to one
// goroutine. The zero value is ready for use.
type Timers struct{ heap timers }

type timer struct {
	at  time.Time
	run func()
}

// After has Expire run f once d has passed. A timer cannot be cancelled: f has to check
// whether it is still wanted.
func (t *Timers) After(d time.Duration, f func()) {
	heap.Push(&t.heap, timer{time.Now().Add(d), f})
}

// Expire runs up to 64 of the timers that are due.
func (t *Timers) Expire() {
	for range batch {
		if t.Next() != 0 {
			return
		}
		heap.Pop(&t.heap).(timer).run()
	}
}

// Next returns the time until the next timer is due: 0 if one is due, negative if there is
// none.
func (t *Timers) Next() time.Duration {
	if len(t.heap) == 0 {
		return -1
	}
	return max(time.Until(t.heap[0].at), 0)
}

// Len returns how many timers have not run.
func (t *Timers) Len() int { return len(t.heap) }

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = timer{}
	*t = (*t)[:last]
	return x
}
