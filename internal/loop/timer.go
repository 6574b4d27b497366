package loop

import "time"

// Timers are functions to be called on the event loop at some time. They belong to one
// goroutine. The zero value is ready for use.
type Timers struct {
	// heap has at 2i+1 and 2i+2 timers that are due no earlier than that at i. With
	// container/heap each timer would be allocated, as a value of an interface.
	heap []timer
}

type timer struct {
	at  time.Time
	run func()
}

// After has Expire run f once d has passed. A timer cannot be cancelled: f has to check
// whether it is still wanted.
func (t *Timers) After(d time.Duration, f func()) {
	t.heap = append(t.heap, timer{time.Now().Add(d), f})
	t.rise()
}

// Expire runs up to 64 of the timers that are due.
func (t *Timers) Expire() {
	for range batch {
		if t.Next() != 0 {
			return
		}
		t.pop().run()
	}
}

// pop removes the timer that is due next, and returns it.
func (t *Timers) pop() timer {
	last := len(t.heap) - 1
	next := t.heap[0]
	t.heap[0], t.heap[last] = t.heap[last], timer{}
	t.heap = t.heap[:last]
	t.sink()
	return next
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

// rise moves the last timer towards the root until its parent is due no later.
func (t *Timers) rise() {
	h := t.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].at.Before(h[parent].at) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// sink moves the root towards the leaves until its children are due no earlier.
func (t *Timers) sink() {
	h := t.heap
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].at.Before(h[first].at) {
				first = child
			}
		}
		if first == i {
			return
		}
		h[i], h[first] = h[first], h[i]
		i = first
	}
}
