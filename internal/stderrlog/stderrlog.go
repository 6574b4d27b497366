// Package stderrlog brings what servers write on their standard error to the
// log. In go the read ends of pipes; out come lines such as
// "finger/tcp[123] 192.0.2.1:4000: cannot open database", as many as a log can
// take, and the number of those that are left out.
//
// All pipes are read by one goroutine, which waits for them in an epoll set that
// Go's own poller watches: a server costs a descriptor and no thread. A server
// never waits for the log, for its pipe is read whether its lines are logged or
// not.
//
// Add returns a Source for each server. Its Last returns the last lines that the server
// has written, also those that were not logged, so that the daemon can say why it has
// failed: call Last when the server was reaped, and before Ended.
//
// A process that a server has started may keep the server's standard error open after the
// server's end, even for ever. Ended tells the Reader of that end; the pipes of the
// latest such servers are still read, and no others.
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

	mu      sync.Mutex        // guards what follows, and what was read of the sources
	sources map[int32]*Source // by descriptor; nil: closed
	left    []*Source         // of servers that have ended, the first to end first
	buf     []byte
	budgets map[string]*budget // of the services that have written of late
	all     budget
	next    time.Time // when the first of the budgets ends; zero: there is none

	events []unix.EpollEvent // the goroutine's
}

// Source is a pipe that a server has as its standard error.
type Source struct {
	r       *Reader
	fd      int32
	service string
	prefix  string
	splitter
	last lastLines
}

const (
	pipeSize  = 64 << 10 // bytes that a pipe holds by default
	maxEvents = 64

	// maxLeft is how many pipes of servers that have ended are still read.
	maxLeft = 64
)

// New returns a Reader, whose goroutine runs until Close. It gives log one line
// at a time, with whatever bytes the servers write in it; log must not block.
func New(log func(line string)) (*Reader, error) { return start(log, window) }

func start(log func(line string), window time.Duration) (*Reader, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // package os polls only what is non-blocking
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	r := &Reader{
		log: log, window: window, poll: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}),
		sources: map[int32]*Source{}, budgets: map[string]*budget{},
		events: make([]unix.EpollEvent, maxEvents), buf: make([]byte, pipeSize),
	}
	if r.raw, err = r.poll.SyscallConn(); err != nil {
		r.poll.Close()
		return nil, err
	}
	go r.run()
	return r, nil
}

// Add takes over fd, the read end of a pipe, and logs what comes out of it until no
// process has the other end. service and pid name the server, peer its client; "" if it
// has none. After an error fd is still the caller's, who should not close it while the
// server runs: SIGPIPE would end the server at its next write.
func (r *Reader) Add(fd int, service string, pid int, peer string) (*Source, error) {
	s := &Source{r: r, fd: int32(fd), service: service, prefix: fmt.Sprintf("%s[%d]: ", service, pid)}
	if peer != "" {
		s.prefix = fmt.Sprintf("%s[%d] %s: ", service, pid, peer)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sources == nil {
		return nil, os.ErrClosed
	}
	var err error
	e := r.raw.Control(func(poll uintptr) {
		err = unix.EpollCtl(int(poll), unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	if err := errors.Join(e, os.NewSyscallError("epoll_ctl", err)); err != nil {
		return nil, err
	}
	r.sources[s.fd] = s
	return s, nil
}

// Last returns the last lines that the server has written, oldest first: up to 4, each
// cut to 256 bytes, with whatever bytes are in them.
func (s *Source) Last() []string {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.drain(s)
	return s.last.strings()
}

// FD returns the descriptor of the pipe, which stays the Reader's; 0: it was closed.
func (s *Source) FD() int {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if !s.r.has(s) {
		return 0
	}
	return int(s.fd)
}

// Ended says that the server has ended. If another process has its standard error, the
// pipe is still read; but of too many such pipes the oldest is closed, and a process that
// writes to it gets SIGPIPE.
func (s *Source) Ended() {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drain(s); !r.has(s) {
		return
	}
	r.left = append(r.left, s)
	if len(r.left) <= maxLeft {
		return
	}
	oldest := r.left[0]
	r.line(oldest, []byte("its standard error is no longer read: it has ended, as many others that have left it to a process"))
	r.remove(oldest)
}

// Close reads what the pipes hold and closes them. Servers that still run get
// SIGPIPE when they write.
func (r *Reader) Close() {
	r.poll.Close()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sources {
		if r.drain(s); r.has(s) {
			r.remove(s)
		}
	}
	r.sources = nil
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
		r.poll.SetReadDeadline(r.expire(time.Now()))
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
	defer r.mu.Unlock()
	if s := r.sources[fd]; s != nil { // nil: it was removed meanwhile
		r.read(s)
	}
}

// expire ends the budgets whose time is over, and returns when the next one ends.
func (r *Reader) expire(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.next.IsZero() && !now.Before(r.next) {
		r.tellSuppressed(now)
	}
	return r.next
}

// has reports whether a source is still read. Its descriptor may be another's by now.
func (r *Reader) has(s *Source) bool { return r.sources[s.fd] == s }

// drain reads all that a pipe holds now. It does not wait for a server that writes for
// ever.
func (r *Reader) drain(s *Source) {
	for range 2 { // more than a pipe holds
		if !r.has(s) || !r.read(s) {
			break
		}
	}
	r.poll.SetReadDeadline(r.next) // a budget may have begun
}

// read reads a pipe once and reports whether it held anything. The source is removed
// when no process has the other end.
func (r *Reader) read(s *Source) bool {
	n, err := unix.Read(int(s.fd), r.buf)
	if n > 0 {
		s.write(r.buf[:n], func(line []byte) { r.line(s, line) })
		return true
	}
	if err != unix.EAGAIN && err != unix.EINTR {
		r.remove(s)
	}
	return false
}

// remove ends the line that was begun, and closes the pipe.
func (r *Reader) remove(s *Source) {
	s.end(func(line []byte) { r.line(s, line) })
	delete(r.sources, s.fd)
	unix.Close(int(s.fd))
	if i := slices.Index(r.left, s); i >= 0 {
		r.left = slices.Delete(r.left, i, i+1)
	}
}

// line logs a line of a server, or counts it.
func (r *Reader) line(s *Source, line []byte) {
	s.last.add(line)
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
