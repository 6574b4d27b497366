package seldom

// Burst counts the log lines of one moment by their kind. Only the first three of a kind
// are logged, because one cause may hit thousands of sockets at once. The zero value is
// ready for use. A Burst belongs to one goroutine.
type Burst[K comparable] struct{ lines map[K]int }

// few is how many lines of a kind are logged before they are only counted.
const few = 3

// Begun reports whether Tell was called since the last Rest.
func (b *Burst[K]) Begun() bool { return len(b.lines) > 0 }

// Tell counts a line, and reports whether it is to be logged.
func (b *Burst[K]) Tell(kind K) bool {
	if b.lines == nil {
		b.lines = map[K]int{}
	}
	b.lines[kind]++
	return b.lines[kind] <= few
}

// Rest ends the burst, and returns how many lines of each kind were not logged.
func (b *Burst[K]) Rest() map[K]int {
	more := map[K]int{}
	for kind, n := range b.lines {
		if n > few {
			more[kind] = n - few
		}
	}
	b.lines = nil
	return more
}
