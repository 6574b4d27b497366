package loop

import "time"

// Beside runs work of one kind that may have to wait, such as for a name server or for a
// file system that does not answer. Each piece of work has a goroutine of its own, and an
// answer on the loop in time. A Beside belongs to the goroutine of the loop.
type Beside struct {
	Max   int           // how many pieces of work may run at once, stuck ones included; 0 is none
	Limit time.Duration // how long each may take
	Lost  func()        // called before late is, see Do; may be nil

	mail           *Mailbox
	running, stuck int
}

// NewBeside returns a Beside for a loop.
func NewBeside(m *Mailbox, max int, limit time.Duration) *Beside {
	return &Beside{Max: max, Limit: limit, mail: m}
}

// Full reports whether no further work can begin.
func (b *Beside) Full() bool { return b.running >= b.Max }

// Len returns how many pieces of work are under way and not stuck.
func (b *Beside) Len() int { return b.running - b.stuck }

// Stuck returns how many pieces of work still run although they were given up.
func (b *Beside) Stuck() int { return b.stuck }

// Do runs work in a goroutine of its own, and then on the loop the function that work
// returns. If the limit has passed before, work is given up: late is called on the loop
// instead, and what work returns in the end is ignored. If the Beside is full, Do calls
// late at once and reports false.
func (b *Beside) Do(work func() (done func()), late func()) (begun bool) {
	if b.Full() {
		b.lose(late)
		return false
	}
	b.running++
	answered := false // on the loop
	limit := time.AfterFunc(b.Limit, func() {
		b.mail.Post(func() {
			if !answered {
				answered = true
				b.stuck++
				b.lose(late)
			}
		})
	})
	go func() {
		done := work()
		limit.Stop()
		b.mail.Post(func() {
			b.running--
			if answered {
				b.stuck--
				return
			}
			answered = true
			done()
		})
	}()
	return true
}

func (b *Beside) lose(late func()) {
	if b.Lost != nil {
		b.Lost()
	}
	late()
}
