// Package stderrlog brings what servers write on their standard error to the
// log. In go the read ends of pipes; out come lines such as
// "finger/tcp[123] 192.0.2.1:4000: cannot open database", as many as a log can
// take, and the number of those that are left out.
//
// All pipes are read by one goroutine, which waits for them in an epoll set that
// Go's own poller watches: a server costs a descriptor and no thread. A server
// never waits for the log, for its pipe is read whether its lines are logged or
// not.
package stderrlog

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Reader reads the standard error of servers. Its methods may be called from any
// goroutine and do not block.
type Reader struct {
	log    func(line string)
	window time.Duration // in which lines are counted
	poll   *os.File      // an epoll set
	raw    syscall.RawConn
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	servers map[int32]*server // by descriptor

	// These are the goroutine's.
	events  []unix.EpollEvent
	buf     []byte
	budgets map[string]*budget // of the services that have written of late
	all     budget
	next    time.Time // when the first of the budgets ends; zero: there is none
}

// server is a pipe that a server has as its standard error.
type server struct {
	service string
	prefix  string
	splitter
}

const (
	pipeSize  = 64 << 10 // bytes that a pipe holds by default
	maxEvents = 64
)

// New returns a Reader, whose goroutine runs until Close. It gives log one line
// at a time, with whatever bytes the servers write in it; log must not block.
func New(log func(line string)) (*Reader, error) { return start(log, window) }

func start(log func(line string), window time.Duration) (*Reader, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // package os polls nothing else
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	r := &Reader{
		log: log, window: window, poll: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}),
		servers: map[int32]*server{}, budgets: map[string]*budget{},
		events: make([]unix.EpollEvent, maxEvents), buf: make([]byte, pipeSize),
	}
	if r.raw, err = r.poll.SyscallConn(); err != nil {
		r.poll.Close()
		return nil, err
	}
	go r.run()
	return r, nil
}

// Add takes over fd, the read end of a pipe, and logs what comes out of it until
// no process has the other end. service and pid name the server, peer its
// client; "" if it has none. With an error fd is still the caller's, who should
// not close it while the server runs: that would kill it at its next word.
func (r *Reader) Add(fd int, service string, pid int, peer string) error {
	prefix := fmt.Sprintf("%s[%d]: ", service, pid)
	if peer != "" {
		prefix = fmt.Sprintf("%s[%d] %s: ", service, pid, peer)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.servers == nil {
		return os.ErrClosed
	}
	var err error
	e := r.raw.Control(func(poll uintptr) {
		err = unix.EpollCtl(int(poll), unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	if e == nil && err == nil {
		r.servers[int32(fd)] = &server{service: service, prefix: prefix}
	}
	return errors.Join(e, os.NewSyscallError("epoll_ctl", err))
}

// Close reads what the pipes hold and closes them. Servers that still run get
// SIGPIPE when they write.
func (r *Reader) Close() {
	r.mu.Lock()
	left := r.servers
	r.servers = nil
	r.mu.Unlock()
	r.poll.Close()
	<-r.done
	for fd, s := range left {
		r.read(int(fd), s)
		s.end(func(line []byte) { r.line(s, line) })
		unix.Close(int(fd))
	}
	r.tellSuppressed(time.Now().Add(r.window))
}

func (r *Reader) run() {
	defer close(r.done)
	for {
		n, err := r.wait()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // closed
			return
		}
		for _, ev := range r.events[:n] {
			r.readable(ev.Fd)
		}
		if now := time.Now(); !r.next.IsZero() && !now.Before(r.next) {
			r.tellSuppressed(now)
		}
		r.poll.SetReadDeadline(r.next)
	}
}

// wait waits for pipes, or until a budget ends, and returns the number of events.
func (r *Reader) wait() (n int, err error) {
	err = r.raw.Read(func(fd uintptr) bool {
		if n, _ = unix.EpollWait(int(fd), r.events, 0); n < 0 { // EINTR
			n = 0
		}
		return n > 0
	})
	return n, err
}

// readable reads a pipe once, so that the others have their turn.
func (r *Reader) readable(fd int32) {
	r.mu.Lock()
	s := r.servers[fd]
	r.mu.Unlock()
	if s == nil || r.read(int(fd), s) { // nil: being closed
		return
	}
	s.end(func(line []byte) { r.line(s, line) })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.servers != nil { // else Close closes it
		delete(r.servers, fd) // first: the number may come again at once
		unix.Close(int(fd))
	}
}

// read reads what a pipe holds, and reports whether there may be more later.
func (r *Reader) read(fd int, s *server) bool {
	n, err := unix.Read(fd, r.buf)
	if n > 0 {
		s.write(r.buf[:n], func(line []byte) { r.line(s, line) })
	}
	return n > 0 || err == unix.EAGAIN || err == unix.EINTR
}

// line logs a line of a server, or counts it.
func (r *Reader) line(s *server, line []byte) {
	b := r.budget(s.service, time.Now())
	if b.lines >= serviceLines || r.all.lines >= allLines {
		b.suppressed++
		return
	}
	b.lines++
	r.all.lines++
	r.log(s.prefix + string(line))
}

// budget returns the budget of a service for now.
func (r *Reader) budget(service string, now time.Time) *budget {
	if r.all.over(now) {
		r.all = budget{until: now.Add(r.window)}
	}
	b := r.budgets[service]
	if b != nil && b.over(now) {
		r.tellSuppressed(now)
		b = nil
	}
	if b == nil {
		b = &budget{until: now.Add(r.window)}
		r.budgets[service] = b
		if r.next.IsZero() {
			r.next = b.until // those to come end later
		}
	}
	return b
}

// tellSuppressed logs how many lines have been left out, and forgets the budgets
// that are over.
func (r *Reader) tellSuppressed(now time.Time) {
	r.next = time.Time{}
	for _, service := range slices.Sorted(maps.Keys(r.budgets)) {
		b := r.budgets[service]
		if !b.over(now) {
			if r.next.IsZero() || b.until.Before(r.next) {
				r.next = b.until
			}
			continue
		}
		delete(r.budgets, service)
		switch {
		case b.suppressed == 1:
			r.log(service + ": standard error: 1 line suppressed")
		case b.suppressed > 1:
			r.log(fmt.Sprintf("%s: standard error: %d lines suppressed", service, b.suppressed))
		}
	}
}
