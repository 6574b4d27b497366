package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// tally counts what a load has seen.
type tally struct {
	rate    float64       // connections a second that were served in the window
	served  int           // connections served, also after the window
	failed  int           // refused, reset, closed without an answer, or too late
	total   time.Duration // until the last connection ended
	latency []float64     // us of each served connection, from connect to end of file
}

// load is a closed loop of clients in one epoll set: each connects, reads to
// the end, and starts again.
type load struct {
	tally
	epoll int
	to    *unix.SockaddrInet4
	conns []conn
	open  int
	buf   [256]byte
}

type conn struct {
	fd       int // -1: closed
	began    time.Time
	answered bool
}

// drive has that many clients connect to an entry again and again until ctx is
// done, and waits for their last connections. If ctx is done from the start, each
// client connects once: a burst.
func drive(ctx context.Context, e entry, clients int) (tally, error) {
	// A move to another thread would count if it came between the calls that time a connection.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := newLoad(e, clients)
	if err != nil {
		return tally{}, err
	}
	defer unix.Close(l.epoll)
	err = l.run(ctx)
	return l.tally, err
}

func newLoad(e entry, clients int) (*load, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &load{epoll: epoll, to: sockaddr(e), conns: make([]conn, clients)}, nil
}

func (l *load) run(ctx context.Context) error {
	began := time.Now()
	for i := range l.conns {
		l.dial(i)
	}
	events := make([]unix.EpollEvent, 256)
	for closing := false; l.open > 0; {
		n, err := unix.EpollWait(l.epoll, events, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		if !closing && ctx.Err() != nil {
			closing = true
			l.rate = float64(l.served) / time.Since(began).Seconds()
		}
		for _, event := range events[:max(n, 0)] {
			i := int(event.Fd)
			if l.read(i) && !closing {
				l.dial(i)
			}
		}
		if n == 0 { // nothing has come for 100 ms
			l.expire()
		}
	}
	l.total = time.Since(began)
	return nil
}

// dial starts connection i.
func (l *load) dial(i int) {
	c := &l.conns[i]
	*c = conn{fd: -1, began: time.Now()}
	fd, err := socket(unix.SOCK_STREAM | unix.SOCK_NONBLOCK)
	if err != nil {
		l.failed++
		return
	}
	if err := unix.Connect(fd, l.to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		l.failed++
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		unix.Close(fd)
		l.failed++
		return
	}
	c.fd = fd
	l.open++
}

// read takes what has come on connection i and reports whether that was the end.
func (l *load) read(i int) (ended bool) {
	c := &l.conns[i]
	for {
		n, err := unix.Read(c.fd, l.buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			return false
		case n > 0:
			c.answered = true
		default:
			l.end(c, err == nil && c.answered)
			return true
		}
	}
}

func (l *load) end(c *conn, served bool) {
	unix.Close(c.fd)
	c.fd = -1
	l.open--
	if !served {
		l.failed++
		return
	}
	l.served++
	l.latency = append(l.latency, micros(time.Since(c.began)))
}

// expire gives up the connections that have waited too long.
func (l *load) expire() {
	for i := range l.conns {
		if c := &l.conns[i]; c.fd >= 0 && time.Since(c.began) > patience {
			l.end(c, false)
		}
	}
}
