package loop

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// Mailbox takes functions from any goroutine, to be run on the event loop. An eventfd
// wakes the loop.
type Mailbox struct {
	mu    sync.Mutex
	posts []func()
	wake  int
}

// NewMailbox returns a mailbox that wakes the loop by the eventfd wake, which must be
// non-blocking and stays the caller's.
func NewMailbox(wake int) *Mailbox { return &Mailbox{wake: wake} }

// Post has f run on the event loop, and does not wait for it.
func (m *Mailbox) Post(f func()) {
	m.mu.Lock()
	m.posts = append(m.posts, f)
	m.mu.Unlock()
	m.ring()
}

func (m *Mailbox) ring() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(m.wake, one[:]) // EAGAIN: the counter is full, so the loop will wake anyway
}

// Collect returns up to 64 of the posted functions, the oldest first, for the loop to run.
// It clears the eventfd unless there are more.
func (m *Mailbox) Collect() []func() {
	var counter [8]byte
	unix.Read(m.wake, counter[:])
	m.mu.Lock()
	defer m.mu.Unlock()
	posts := m.posts
	if len(posts) <= batch {
		m.posts = nil
		return posts
	}
	m.posts = posts[batch:]
	m.ring()
	return posts[:batch:batch]
}
