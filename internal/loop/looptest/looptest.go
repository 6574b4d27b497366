// Package looptest helps to test what an event loop runs. It makes a Poll, and a mailbox
// for which the test itself is the loop.
package looptest

import (
	"testing"
	"time"

	"inetd/internal/loop"

	"golang.org/x/sys/unix"
)

// patience is how long Until waits.
const patience = 20 * time.Second

// Mailbox is a mailbox whose posts a test runs.
type Mailbox struct {
	*loop.Mailbox
	t    testing.TB
	wake int
}

// New returns a Mailbox, which is closed when the test ends.
func New(t testing.TB) *Mailbox {
	t.Helper()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(wake) })
	return &Mailbox{loop.NewMailbox(wake), t, wake}
}

// Until runs the posts until done returns true. The test fails if that takes more than 20
// seconds.
func (m *Mailbox) Until(done func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			m.t.Fatal("what is waited for is not posted")
		}
		unix.Poll([]unix.PollFd{{Fd: int32(m.wake), Events: unix.POLLIN}}, 1000)
		for _, f := range m.Collect() {
			f()
		}
	}
}

// NewPoll returns a Poll, which is closed when the test ends.
func NewPoll(t testing.TB) *loop.Poll {
	t.Helper()
	p, err := loop.NewPoll()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}
