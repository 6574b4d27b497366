package inetd

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// poll is a level-triggered epoll set. A descriptor is registered together with
// what it stands for, so that an event needs no look-up by number.
type poll struct {
	fd     int
	events []unix.EpollEvent
}

// A tag says what a descriptor in the set stands for; the number beside it is
// the descriptor of a socket, or the process id behind a pidfd.
type tag int32

const (
	tagWake tag = iota
	tagSocket
	tagProcess
)

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &poll{fd: fd, events: make([]unix.EpollEvent, 64)}, nil
}

func (p *poll) add(fd int, t tag, number int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number), Pad: int32(t)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

func (p *poll) remove(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// wait returns the descriptors that are readable, waiting for one up to the
// given time; a negative time is for ever.
func (p *poll) wait(timeout time.Duration) []unix.EpollEvent {
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
