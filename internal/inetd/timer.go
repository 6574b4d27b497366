package inetd

import (
	"container/heap"
	"time"
)

// timers are functions to be called on the event loop at their time.
type timers []timer

type timer struct {
	at  time.Time
	run func()
}

// after runs f on the event loop once d has passed. It cannot be cancelled: f
// looks whether it is still wanted.
func (s *Server) after(d time.Duration, f func()) {
	heap.Push(&s.timers, timer{time.Now().Add(d), f})
}

// expire runs the timers that are due and returns the time to the next one,
// negative if there is none.
func (s *Server) expire() time.Duration {
	for len(s.timers) > 0 {
		if d := time.Until(s.timers[0].at); d > 0 {
			return d
		}
		heap.Pop(&s.timers).(timer).run()
	}
	return -1
}

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
