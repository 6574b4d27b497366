package syslog

import "fmt"

// queueLimit is how many lines wait for the writer at most.
const queueLimit = 1024

// entry is one line on its way.
type entry struct {
	priority Priority
	text     string
}

// push queues e, or counts it as lost. Once lines are being lost it goes on
// losing them until half of the queue is written, so that a flood gives few
// gaps, each with its report in the right place.
func (l *Logger) push(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if l.lost > 0 || len(l.queue) >= queueLimit {
		l.lost++
		l.losses++
		return
	}
	l.queue = append(l.queue, e)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// head returns the oldest line and leaves it queued: only a line that was
// written is taken off.
func (l *Logger) head() (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return entry{}, false
	}
	return l.queue[0], true
}

// pop takes the oldest line off, and reports a gap when there is room again.
func (l *Logger) pop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue[0] = entry{}
	l.queue = l.queue[1:]
	if l.lost > 0 && len(l.queue) <= queueLimit/2 {
		l.queue = append(l.queue, entry{Warning, fmt.Sprintf("%d log lines were lost", l.lost)})
		l.lost = 0
	}
	if len(l.queue) == 0 {
		l.queue = nil // an idle daemon keeps no room for a flood that is over
	}
}

// shut refuses further lines and reports whether it was the first to do so.
func (l *Logger) shut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !l.closed
	l.closed = true
	return first
}
