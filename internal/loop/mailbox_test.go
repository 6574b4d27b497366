package loop

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// newMailbox returns a Mailbox, and a function that reports whether its eventfd is readable.
func newMailbox(t *testing.T) (m *Mailbox, rings func() bool) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(wake) })
	return NewMailbox(wake), func() bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}, 0)
		return n == 1
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	if rings() || len(m.Collect()) != 0 {
		t.Fatal("a new mailbox is not empty")
	}
	order := ""
	for _, c := range []string{"a", "b", "c"} {
		m.Post(func() { order += c })
	}
	if !rings() {
		t.Error("the loop is not woken")
	}
	for _, f := range m.Collect() {
		f()
	}
	if order != "abc" {
		t.Errorf("order %q", order)
	}
	if rings() || len(m.Collect()) != 0 {
		t.Error("something is left")
	}
}

// A post made while another one runs is not lost: the loop is woken again.
func TestMailboxPostWhileCollected(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	m.Post(func() { m.Post(func() {}) })
	for _, f := range m.Collect() {
		f()
	}
	if !rings() || len(m.Collect()) != 1 {
		t.Error("the second post is lost")
	}
}

func TestMailboxManySenders(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	const senders, each = 8, 200
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for range each {
				m.Post(func() {})
			}
		})
	}
	got := 0
	for done := false; !done; {
		for range m.Collect() {
			got++
		}
		done = got == senders*each
	}
	wg.Wait()
	if rings() && len(m.Collect()) > 0 {
		t.Error("more than was posted")
	}
}

// The counter of an eventfd is finite, and posting never waits.
func TestMailboxCounterFull(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	if _, err := unix.Write(m.wake, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Skip("the machine is big-endian: ", err)
	}
	m.Post(func() {})
	if !rings() || len(m.Collect()) != 1 {
		t.Error("the post is lost")
	}
}

// Thousands of posts at once do not keep the loop from its other work.
func TestMailboxInBatches(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	const all = 3*batch + 1
	next := 0
	for i := range all {
		m.Post(func() {
			if i != next {
				t.Errorf("post %d after %d", i, next)
			}
			next++
		})
	}
	turns := 0
	for rings() {
		for _, f := range m.Collect() {
			f()
		}
		turns++
	}
	if next != all || turns != 4 {
		t.Errorf("%d posts in %d turns", next, turns)
	}
}
