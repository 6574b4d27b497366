// Package seldom decides which of many similar log lines are logged. In goes what each
// line is about; out comes whether to log it, and later how many were not logged. It is
// pure.
package seldom

// Lines counts log lines by what they are about. The zero value is ready for use. Lines
// belongs to one goroutine.
type Lines[K comparable] struct {
	more map[K]int // number of lines not logged since one was, by subject
}

// Tell reports whether a line is to be logged. If so, the caller calls Rest after some
// time. If not, the line is counted.
func (l *Lines[K]) Tell(about K) bool {
	if n, told := l.more[about]; told {
		l.more[about] = n + 1
		return false
	}
	if l.more == nil {
		l.more = map[K]int{}
	}
	l.more[about] = 0
	return true
}

// Rest returns how many lines were not logged since Tell, or since the last Rest. If n is
// 0, the next line will be logged. Otherwise the caller logs the number and calls Rest
// again after some time.
func (l *Lines[K]) Rest(about K) (n int) {
	if n = l.more[about]; n > 0 {
		l.more[about] = 0
	} else {
		delete(l.more, about)
	}
	return n
}

// Forget makes sure that the next line is logged.
func (l *Lines[K]) Forget(about K) { delete(l.more, about) }
