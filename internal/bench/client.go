package main

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long a client waits for anything before it calls it a failure.
	patience = 3 * time.Second
	// dgramPatience is the same for the answer to a datagram.
	dgramPatience = 300 * time.Millisecond
)

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
		_, err = again(func() (int, error) { return 0, unix.Connect(fd, sockaddr(e)) })
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// again repeats a call that a signal has interrupted. The kernel does not restart
// it if the socket has a time-out (signal(7)), and Go's scheduler signals often.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// probe connects as one client and wants an answer, unless the entry is mute.
func probe(e entry) error {
	limit := patience
	if e.dgram {
		limit = dgramPatience // the datagram may have come before the daemon was ready
	}
	fd, err := connect(e, limit)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if e.mute {
		return nil
	}
	return converse(fd, e)
}

// converse sends what a client of the entry says first, and reads an answer.
func converse(fd int, e entry) error {
	if e.ask != "" {
		if _, err := again(func() (int, error) { return unix.Write(fd, []byte(e.ask)) }); err != nil {
			return err
		}
	}
	var buf [256]byte
	n, err := again(func() (int, error) { return unix.Read(fd, buf[:]) })
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("closed without an answer")
	}
	return nil
}

// hold opens n connections, one after the other, and keeps them open. It stops at
// the first that gets no answer, and returns how many have one. The caller calls
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

// ping sends one datagram at a time until ctx is done. A server of its own answers
// each. ping returns how many were answered a second, and how many never.
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

// stream moves bytes over one connection for a window, as fast as the builtin
// at the other end takes or gives them, and returns bytes a second.
func stream(ctx context.Context, e entry, window time.Duration) (float64, error) {
	fd, err := connect(e, patience)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := underWay(fd, e); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, window)
	defer cancel()
	began := time.Now()
	n, err := flow(ctx, fd, e)
	return float64(n) / time.Since(began).Seconds(), err
}

// flow moves bytes in the directions of the entry's builtin until ctx is done.
func flow(ctx context.Context, fd int, e entry) (int64, error) {
	switch e.builtin {
	case "discard":
		return pour(ctx, fd, unix.Write)
	case "chargen":
		return pour(ctx, fd, unix.Read)
	}
	return both(ctx, fd)
}

// underWay returns once the builtin serves the connection: when it has
// answered or, if it never does, has read more than the buffers can hold.
func underWay(fd int, e entry) error {
	if !e.mute {
		return converse(fd, e)
	}
	block := make([]byte, 64<<10)
	for sent := 0; sent < 16<<20; {
		n, err := again(func() (int, error) { return unix.Write(fd, block) })
		if err != nil {
			return err
		}
		sent += n
	}
	return nil
}

// pour repeats one call, with blocks of 64 KiB, until ctx is done.
func pour(ctx context.Context, fd int, move func(fd int, p []byte) (int, error)) (int64, error) {
	block := make([]byte, 64<<10)
	var sum int64
	for ctx.Err() == nil {
		n, err := again(func() (int, error) { return move(fd, block) })
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
// writer ends with the connection: if it ended with ctx, the reader could be
// left waiting for something to come back.
func both(ctx context.Context, fd int) (int64, error) {
	wrote := make(chan struct{})
	go func() {
		pour(context.WithoutCancel(ctx), fd, unix.Write)
		close(wrote)
	}()
	n, err := pour(ctx, fd, unix.Read)
	unix.Shutdown(fd, unix.SHUT_RDWR)
	<-wrote
	return n, err
}
