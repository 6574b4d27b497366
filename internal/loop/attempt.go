package loop

import "time"

// Attempts runs work that nothing can end, such as reading a file on a dead file
// system: one at a time, and each is given up after some time. It belongs to the
// goroutine of the loop.
type Attempts struct {
	Limit time.Duration // for one
	Max   int           // how many that were given up may still run; each has a thread

	mail     *Mailbox
	timers   *Timers
	now      *attempt // nil: none
	stuck    int      // given up and not back
	guarding bool     // guard has a timer
}

// NewAttempts makes Attempts of a loop.
func NewAttempts(m *Mailbox, t *Timers, limit time.Duration, max int) *Attempts {
	return &Attempts{Limit: limit, Max: max, mail: m, timers: t}
}

// attempt is one that is under way.
type attempt struct {
	until time.Time
	late  func() // gives it up
}

// Stuck is how many attempts that were given up still run.
func (a *Attempts) Stuck() int { return a.stuck }

// Full reports whether no other one should begin.
func (a *Attempts) Full() bool { return a.stuck >= a.Max }

// Try runs work in a goroutine of its own, and what that returns on the loop. After
// the limit late is called instead, and nothing comes of work any more. None is under
// way.
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

// guard sees to it that the attempt ends in time. One timer is enough for all, so that
// a storm of attempts leaves none behind.
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

// GiveUp forgets the attempt that is under way, as its limit does.
func (a *Attempts) GiveUp() {
	this := a.now
	a.now = nil
	a.stuck++
	this.late()
}
