package loop

import (
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// newBeside returns a Beside for one piece of work, and its mailbox.
func newBeside(t *testing.T, limit time.Duration) (*Beside, *Mailbox) {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	m := NewMailbox(fd)
	return NewBeside(m, 1, limit), m
}

// collect waits for the next posts, and runs them.
func collect(t *testing.T, m *Mailbox) {
	t.Helper()
	socktest.Await(t, m.wake)
	for _, f := range m.Collect() {
		f()
	}
}

// TestBeside: work is counted until it is done.
func TestBeside(t *testing.T) {
	t.Parallel()
	b, m := newBeside(t, time.Hour)
	if b.Full() {
		t.Error("full at the beginning")
	}
	order := ""
	if !b.Do(func() func() { order += "work"; return func() { order += ", done" } }, func() { t.Error("it was in time") }) {
		t.Error("it has not begun")
	}
	if !b.Full() || b.Len() != 1 {
		t.Errorf("full %v, %d under way", b.Full(), b.Len())
	}
	collect(t, m)
	if order != "work, done" || b.Full() || b.Len() != 0 || b.Stuck() != 0 {
		t.Errorf("%s; full %v, %d under way, %d stuck", order, b.Full(), b.Len(), b.Stuck())
	}
}

// TestBesideGivesUp: work that takes too long is answered for, and takes up room until its
// end, which answers nothing.
func TestBesideGivesUp(t *testing.T) {
	t.Parallel()
	b, m := newBeside(t, 0)
	release, order := make(chan bool), ""
	b.Lost = func() { order += "lost, " }
	b.Do(func() func() { <-release; return func() { t.Error("it was given up") } }, func() { order += "late" })
	collect(t, m)
	if order != "lost, late" || b.Stuck() != 1 || b.Len() != 0 || !b.Full() {
		t.Errorf("%s; %d stuck, %d under way, full %v", order, b.Stuck(), b.Len(), b.Full())
	}
	close(release)
	collect(t, m)
	if b.Stuck() != 0 || b.Full() {
		t.Errorf("%d stuck, full %v", b.Stuck(), b.Full())
	}
}

// TestBesideFull: work for which there is no room is answered for at once.
func TestBesideFull(t *testing.T) {
	t.Parallel()
	b, _ := newBeside(t, time.Hour)
	b.Max = 0
	order := ""
	b.Lost = func() { order += "lost, " }
	if b.Do(func() func() { t.Error("it has begun"); return nil }, func() { order += "late" }) || order != "lost, late" || b.Len() != 0 {
		t.Errorf("%s; %d under way", order, b.Len())
	}
}
