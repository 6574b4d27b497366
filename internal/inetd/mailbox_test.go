package inetd

import (
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// newMailbox returns a mailbox and reports whether its eventfd is readable.
func newMailbox(t *testing.T) (m *mailbox, rings func() bool) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(wake) })
	return &mailbox{wake: wake}, func() bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(wake), Events: unix.POLLIN}}, 0)
		return n == 1
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	if rings() || len(m.collect()) != 0 {
		t.Fatal("a new mailbox is not empty")
	}
	order := ""
	for _, c := range []string{"a", "b", "c"} {
		m.post(func() { order += c })
	}
	if !rings() {
		t.Error("the loop is not woken")
	}
	for _, f := range m.collect() {
		f()
	}
	if order != "abc" {
		t.Errorf("order %q", order)
	}
	if rings() || len(m.collect()) != 0 {
		t.Error("something is left")
	}
}

// A post while another is carried out is not lost: the loop is woken again.
func TestMailboxPostWhileCollected(t *testing.T) {
	t.Parallel()
	m, rings := newMailbox(t)
	m.post(func() { m.post(func() {}) })
	for _, f := range m.collect() {
		f()
	}
	if !rings() || len(m.collect()) != 1 {
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
				m.post(func() {})
			}
		})
	}
	got := 0
	for done := false; !done; {
		for range m.collect() {
			got++
		}
		done = got == senders*each
	}
	wg.Wait()
	if rings() && len(m.collect()) > 0 {
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
	m.post(func() {})
	if !rings() || len(m.collect()) != 1 {
		t.Error("the post is lost")
	}
}
