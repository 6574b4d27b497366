package loop

import (
	"context"
	"time"
)

// Beside runs work that may have to wait for somebody else, such as a name server or a
// command. What is asked is of one kind, and counted. It belongs to the goroutine of the
// loop.
type Beside struct {
	Max int // how much may be under way; 0 is none

	mail *Mailbox
	now  int
}

// NewBeside makes a Beside of a loop that does max at once.
func NewBeside(m *Mailbox, max int) *Beside { return &Beside{Max: max, mail: m} }

// Full reports whether nothing more should begin.
func (b *Beside) Full() bool { return b.now >= b.Max }

// Len is how much is under way.
func (b *Beside) Len() int { return b.now }

// Do runs work in a goroutine of its own, and then done on the loop. Work may take until
// d has passed, when its context ends. It is begun also if the Beside is Full.
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
