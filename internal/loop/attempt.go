package loop

import "time"

// Attempts runs work that cannot be interrupted, such as reading a file on a dead file
// system: one attempt at a time, each of which is given up after some time. It belongs to
// the goroutine of the loop.
type Attempts struct {
	Limit time.Duration // how long an attempt may take
	Max   int           // how many may still run after they were given up; each has a thread

	mail     *Mailbox
	timers   *Timers
	now      *attempt // the one under way; nil: none
	stuck    int      // number of attempts given up that still run
	guarding bool     // guard has set a timer
}

// NewAttempts returns Attempts for a loop with a mailbox and timers.
func NewAttempts(m *Mailbox, t *Timers, limit time.Duration, max int) *Attempts {
	return &Attempts{Limit: limit, Max: max, mail: m, timers: t}
}

// attempt is work under way.
type attempt struct {
	until time.Time
	late  func() // is called when it is given up
}

// Stuck returns how many attempts still run after they were given up.
func (a *Attempts) Stuck() int { return a.stuck }

// Full reports whether so many are stuck that no attempt should begin.
func (a *Attempts) Full() bool { return a.stuck >= a.Max }

// Try runs work in a goroutine of its own, and the function that work returns on the loop.
// If the limit has passed before, late is called on the loop instead. No other attempt may
// be under way.
func (a *Attempts) Try(work func() (done func()), late func()) {
	this := &attempt{time.Now().Add(a.Limit), late}
	a.now = this
	a.guard()
	go func() {
		done := work()
		a.mail.Post(func() {
			if a.now != this {
				a.stuck--
				return
			}
			a.now = nil
			done()
		})
	}()
}

// guard gives the attempt up when its time is over. One timer serves all attempts, so that
// many of them in a row do not leave many timers behind.
func (a *Attempts) guard() {
	if a.guarding {
		return
	}
	a.guarding = true
	a.timers.After(time.Until(a.now.until), func() {
		a.guarding = false
		switch {
		case a.now == nil:
		case time.Now().Before(a.now.until):
			a.guard()
		default:
			a.GiveUp()
		}
	})
}

// GiveUp gives up the attempt that is under way, as if its limit had passed.
func (a *Attempts) GiveUp() {
	this := a.now
	a.now = nil
	a.stuck++
	this.late()
}
