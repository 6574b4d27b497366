package loop

import (
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

func newAttempts(t *testing.T) (*Attempts, *Mailbox, *Timers) {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	m, timers := NewMailbox(fd), &Timers{}
	return NewAttempts(m, timers, time.Hour, 1), m, timers
}

// collect waits for the next posts, and runs them.
func collect(t *testing.T, m *Mailbox) {
	t.Helper()
	socktest.Await(t, m.wake)
	for _, f := range m.Collect() {
		f()
	}
}

func TestAttempt(t *testing.T) {
	t.Parallel()
	a, m, _ := newAttempts(t)
	done := false
	a.Try(func() func() { return func() { done = true } }, func() { t.Error("it was in time") })
	collect(t, m)
	if !done || a.Stuck() != 0 {
		t.Errorf("done %v, %d stuck", done, a.Stuck())
	}
}

// TestAttemptIsGivenUp: the result of work that takes too long is ignored, but its end is
// noticed.
func TestAttemptIsGivenUp(t *testing.T) {
	t.Parallel()
	a, m, timers := newAttempts(t)
	a.Limit = 0
	release, late := make(chan bool), false
	a.Try(func() func() { <-release; return func() { t.Error("it was given up") } }, func() { late = true })
	timers.Expire()
	if !late || a.Stuck() != 1 || !a.Full() {
		t.Errorf("given up %v, %d stuck, full %v", late, a.Stuck(), a.Full())
	}
	close(release)
	collect(t, m)
	if a.Stuck() != 0 || a.Full() {
		t.Errorf("%d stuck, full %v", a.Stuck(), a.Full())
	}
}

// TestAttemptsLeaveOneTimer: many attempts leave one timer behind.
func TestAttemptsLeaveOneTimer(t *testing.T) {
	t.Parallel()
	a, m, timers := newAttempts(t)
	for range 10 {
		a.Try(func() func() { return func() {} }, func() {})
		collect(t, m)
	}
	if n := timers.Len(); n != 1 {
		t.Errorf("%d timers", n)
	}
}
