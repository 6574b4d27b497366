// Package seldom keeps the lines of a log few. In goes what a line is about, as often
// as it happens; out comes that it is to be logged, or later how often it was not.
// It is pure.
package seldom

// Lines counts lines by what they are about. The zero Lines has none. It belongs to
// one goroutine.
type Lines[K comparable] struct {
	more map[K]int // those not logged, of kinds of which one was
}

// Tell reports whether a line is to be logged. If so, its caller asks for the Rest
// after some time. If not, the line is counted.
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

// Rest is how many lines were only counted since Tell, or since the last call. With
// none the next line is to be logged. Otherwise the caller says the number and asks
// again after some time.
func (l *Lines[K]) Rest(about K) (n int) {
	if n = l.more[about]; n > 0 {
		l.more[about] = 0
	} else {
		delete(l.more, about)
	}
	return n
}

// Forget has the next line told whatever was told before.
func (l *Lines[K]) Forget(about K) { delete(l.more, about) }
