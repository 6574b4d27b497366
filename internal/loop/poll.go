// Package loop has the parts of an event loop: a set of descriptors to wait for, functions
// posted from other goroutines, and timers. In go descriptors, functions and times; out
// come events, and calls on the goroutine that turns the loop. The package knows nothing
// of what the loop serves.
//
// Every part has a bound on what it does in one turn, so that none keeps the others
// waiting: what is left over is done at the next turn.
package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many events, posts or timers are handled in one turn.
const batch = 64

// Poll is a level-triggered epoll set. Each descriptor is added with what it stands for, so
// that an event needs no look-up. A Poll belongs to one goroutine.
type Poll struct {
	fd     int
	events []unix.EpollEvent
}

// Tag says what kind of thing a descriptor in the set stands for. The user of the package
// defines its values.
type Tag int32

// NewPoll opens an empty set. The caller closes it.
func NewPoll() (*Poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Poll{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

// Close closes the set.
func (p *Poll) Close() error { return unix.Close(p.fd) }

// ShutDown has the bits that Events of a socket have when it was shut down.
const ShutDown = unix.EPOLLRDHUP | unix.EPOLLHUP

// Add adds a descriptor, to be polled for reading, with a tag and a number of the user's.
func (p *Poll) Add(fd int, t Tag, number int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(number), Pad: int32(t)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// Remove takes a descriptor out of the set, if it is there.
func (p *Poll) Remove(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// Wait waits until a descriptor is readable, at most for timeout, or for ever if that is
// negative. It returns events of up to 64 descriptors, each with its tag as Pad and its
// number as Fd; they are valid until the next call.
func (p *Poll) Wait(timeout time.Duration) []unix.EpollEvent {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if err != nil { // EINTR, by a signal of Go's runtime
		return nil
	}
	return p.events[:n]
}
