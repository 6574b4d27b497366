package loop

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Timers run in the order of their times, in whatever order they were set, and none runs
// before its time.
func TestTimers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Timers{}
		var ran []time.Duration
		begin := time.Now()
		for _, d := range []time.Duration{3, 1, 2, 5, 1, 4} {
			s.After(d*time.Second, func() {
				if now := time.Since(begin); now != d*time.Second {
					t.Errorf("the timer of %v s ran after %v", int(d), now)
				}
				ran = append(ran, d)
			})
		}
		for {
			s.Expire()
			next := s.Next()
			if next < 0 {
				break
			}
			time.Sleep(next)
		}
		if want := []time.Duration{1, 1, 2, 3, 4, 5}; !slices.Equal(ran, want) {
			t.Errorf("ran %v, want %v", ran, want)
		}
		if s.Len() != 0 {
			t.Errorf("%d timers are left", s.Len())
		}
	})
}

// A timer may set others, even ones that are due at once.
func TestTimerSetsTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Timers{}
		ran := 0
		s.After(0, func() {
			s.After(0, func() { ran++ })
			s.After(time.Minute, func() { ran++ })
		})
		s.Expire()
		if next := s.Next(); next != time.Minute || ran != 1 {
			t.Errorf("next in %v, %d ran", next, ran)
		}
	})
}

func TestNoTimers(t *testing.T) {
	t.Parallel()
	if d := (&Timers{}).Next(); d >= 0 {
		t.Errorf("the loop would wake after %v for nothing", d)
	}
}

// A timer that always sets another one, due at once, lets the loop go on.
func TestTimersInBatches(t *testing.T) {
	t.Parallel()
	s := &Timers{}
	ran := 0
	var again func()
	again = func() {
		ran++
		s.After(0, again)
	}
	again()
	s.Expire()
	if next := s.Next(); next != 0 || ran != batch+1 {
		t.Errorf("next in %v, %d ran", next, ran)
	}
}
