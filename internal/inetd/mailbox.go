package inetd

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
)

// mailbox takes functions from any goroutine to be run on the event loop. The
// loop learns of them by an eventfd.
type mailbox struct {
	mu    sync.Mutex
	posts []func()
	wake  int
}

// post has f run on the event loop. It does not wait for that.
func (m *mailbox) post(f func()) {
	m.mu.Lock()
	m.posts = append(m.posts, f)
	m.mu.Unlock()
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(m.wake, one[:]) // EAGAIN: the counter is full, so the loop will wake anyway
}

// collect returns what has been posted and clears the eventfd.
func (m *mailbox) collect() []func() {
	var counter [8]byte
	unix.Read(m.wake, counter[:])
	m.mu.Lock()
	defer m.mu.Unlock()
	posts := m.posts
	m.posts = nil
	return posts
}
