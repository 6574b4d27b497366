package loop

import (
	"context"
	"time"
)

// Beside runs, in other goroutines, work of one kind that may have to wait, such as for a
// name server or a command, and counts it. It belongs to the goroutine of the loop.
type Beside struct {
	Max int // how many pieces of work may be under way; 0 is none

	mail *Mailbox
	now  int
}

// NewBeside returns a Beside for a loop, with room for max pieces of work at once.
func NewBeside(m *Mailbox, max int) *Beside { return &Beside{Max: max, mail: m} }

// Full reports whether no further work should begin.
func (b *Beside) Full() bool { return b.now >= b.Max }

// Len returns how many pieces of work are under way.
func (b *Beside) Len() int { return b.now }

// Do runs work in a goroutine of its own, and then done on the loop. The context of work
// ends when d has passed. Do does not ask whether the Beside is Full.
func (b *Beside) Do(d time.Duration, work func(context.Context), done func()) {
	b.now++
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		work(ctx)
		b.mail.Post(func() {
			b.now--
			done()
		})
	}()
}
