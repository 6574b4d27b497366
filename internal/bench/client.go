package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a client waits for anything before it calls it a failure.
const patience = 3 * time.Second

// tally is what a load has seen.
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

// drive keeps that many connections to an entry under way until ctx is done
// and then waits for the last of them. With a context that is done already it
// makes each connection once: a burst.
func drive(ctx context.Context, e entry, clients int) (tally, error) {
	// One thread only: it must not move between the two calls that time a connection.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return tally{}, err
	}
	defer unix.Close(epoll)
	l := load{epoll: epoll, to: sockaddr(e), conns: make([]conn, clients)}
	err = l.run(ctx)
	return l.tally, err
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
		if n == 0 { // nothing has come for a while
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

// socket returns a close-on-exec IPv4 socket. A stream is closed with a reset,
// which leaves no TIME_WAIT behind: ports never run out.
func socket(kind int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

func sockaddr(e entry) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: e.port, Addr: netip.MustParseAddr(e.addr).As4()}
}

// connect returns a blocking socket, connected to the entry, on which no call
// lasts longer than limit.
func connect(e entry, limit time.Duration) (int, error) {
	kind := unix.SOCK_STREAM
	if e.dgram {
		kind = unix.SOCK_DGRAM
	}
	fd, err := socket(kind)
	if err != nil {
		return -1, err
	}
	tv := unix.NsecToTimeval(int64(limit))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
	if err == nil {
		err = unix.Connect(fd, sockaddr(e))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// probe connects as one client and wants an answer.
func probe(e entry) error {
	limit := patience
	if e.dgram {
		limit = dgramPatience // the datagram may have come before the daemon
	}
	fd, err := connect(e, limit)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return converse(fd, e)
}

// converse says what a client of the entry says first and reads an answer.
func converse(fd int, e entry) error {
	if e.ask != "" {
		if _, err := unix.Write(fd, []byte(e.ask)); err != nil {
			return err
		}
	}
	var buf [256]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("closed without an answer")
	}
	return nil
}

// hold opens n connections, one after the other, and keeps each once it has
// had an answer. It stops at the first that gets none. The caller calls
// release in any case.
func hold(ctx context.Context, e entry, n int) (release func(), held int, err error) {
	var fds []int
	release = func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	for range n {
		if err := ctx.Err(); err != nil {
			return release, len(fds), err
		}
		fd, err := connect(e, patience)
		if err != nil {
			return release, len(fds), err
		}
		fds = append(fds, fd)
		if err := converse(fd, e); err != nil {
			return release, len(fds) - 1, err
		}
	}
	return release, n, nil
}

// dgramPatience is how long a client waits for the answer to a datagram.
const dgramPatience = 300 * time.Millisecond

// ping sends one datagram at a time, each to be answered by a server of its
// own, and returns how many were answered a second and how many never.
func ping(ctx context.Context, e entry) (rate float64, lost int, err error) {
	fd, err := connect(e, dgramPatience)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	began, answered := time.Now(), 0
	for ctx.Err() == nil {
		err := converse(fd, e)
		switch {
		case err == nil:
			answered++
		case errors.Is(err, unix.EAGAIN):
			lost++
		default:
			return 0, lost, err
		}
	}
	return float64(answered) / time.Since(began).Seconds(), lost, nil
}

// stream moves bytes over one connection until ctx is done, as fast as the
// builtin at the other end takes or gives them, and returns bytes a second.
func stream(ctx context.Context, e entry) (float64, error) {
	fd, err := connect(e, patience)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	began := time.Now()
	var n int64
	switch e.builtin {
	case "discard":
		n, err = pour(ctx, fd, unix.Write)
	case "chargen":
		n, err = pour(ctx, fd, unix.Read)
	default:
		n, err = both(ctx, fd)
	}
	return float64(n) / time.Since(began).Seconds(), err
}

// pour repeats one call, with blocks of 64 KiB, until ctx is done.
func pour(ctx context.Context, fd int, move func(fd int, p []byte) (int, error)) (int64, error) {
	block := make([]byte, 64<<10)
	var sum int64
	for ctx.Err() == nil {
		n, err := move(fd, block)
		if err != nil {
			return sum, err
		}
		if n == 0 {
			return sum, errors.New("the daemon closed the connection")
		}
		sum += int64(n)
	}
	return sum, nil
}

// both writes in one goroutine and counts what comes back in the other. The
// writer ends with ctx or, if nobody reads what it wrote, with the connection.
func both(ctx context.Context, fd int) (int64, error) {
	wrote := make(chan struct{})
	go func() {
		pour(ctx, fd, unix.Write)
		close(wrote)
	}()
	n, err := pour(ctx, fd, unix.Read)
	unix.Shutdown(fd, unix.SHUT_RDWR)
	<-wrote
	return n, err
}
