// Package loop holds the parts of an event loop that know nothing of what it
// serves: a set of descriptors that are waited for, functions posted from other
// goroutines, and timers. In go descriptors, functions and times; out come events,
// and calls on the goroutine that turns the loop.
//
// Every part has a bound on what it does at a time, so that none of them keeps the
// others waiting: what is left over is done at the next turn.
package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// batch is how many events, posts or timers are dealt with in one turn.
const batch = 64

// Poll is a level-triggered epoll set. A descriptor is added together with what
// it stands for, so that an event needs no look-up by number. It belongs to one
// goroutine.
type Poll struct {
	fd     int
	events []unix.EpollEvent
}

// Tag says what a descriptor in the set stands for. The user defines its values.
type Tag int32

// NewPoll opens an empty set.
func NewPoll() (*Poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Poll{fd: fd, events: make([]unix.EpollEvent, batch)}, nil
}

// Close closes the set.
func (p *Poll) Close() error { return unix.Close(p.fd) }

// ShutDown is set in the Events of a socket that was shut down.
const ShutDown = unix.EPOLLRDHUP | unix.EPOLLHUP

// Add adds a descriptor with a tag and a number of the user's.
func (p *Poll) Add(fd int, t Tag, number int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(number), Pad: int32(t)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// Remove takes a descriptor out of the set, if it is there.
func (p *Poll) Remove(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// Wait returns up to 64 readable descriptors, each with its Tag as Pad and its
// number as Fd, waiting for one up to the given time; a negative
// time is without end. They are valid until the next call.
func (p *Poll) Wait(timeout time.Duration) []unix.EpollEvent {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.EpollWait(p.fd, p.events, ms)
	if err != nil { // EINTR: a signal for Go's runtime
		return nil
	}
	return p.events[:n]
}
