package drain

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/loop"

	"golang.org/x/sys/unix"
)

// Sink drains connections in an event loop. It belongs to the goroutine of the loop.
type Sink struct {
	Set

	starter *child.Starter
	poll    *loop.Poll
	tag     loop.Tag
	timers  *loop.Timers
	dues    []time.Time // when its timers come, the latest first
	scratch []byte
}

// NewSink makes a Sink. The descriptors that it drains are in poll with tag and their own
// number; when one is readable, the loop is to call Readable.
func NewSink(starter *child.Starter, poll *loop.Poll, tag loop.Tag, timers *loop.Timers) *Sink {
	return &Sink{starter: starter, poll: poll, tag: tag, timers: timers}
}

// Drain takes over a connection on which all has been sent. The client sees the end of
// file, and may take d to close.
func (s *Sink) Drain(conn int, d time.Duration) {
	unix.Shutdown(conn, unix.SHUT_WR)
	if Rest(conn, s.buffer()) {
		unix.Close(conn)
		return
	}
	conn = s.starter.Keep(conn)
	if s.poll.Add(conn, s.tag, conn) != nil {
		unix.Close(conn)
		return
	}
	if out := s.Add(conn, time.Now().Add(d)); out >= 0 {
		s.close(out)
	}
	s.setTimer()
}

// Readable reads what a client still sends, and closes the connection at the end of that.
func (s *Sink) Readable(conn int) {
	if Rest(conn, s.buffer()) && s.Remove(conn) {
		s.close(conn)
	}
}

// buffer is where dropped bytes are read to, made when first needed.
func (s *Sink) buffer() []byte {
	if s.scratch == nil {
		s.scratch = make([]byte, 16<<10)
	}
	return s.scratch
}

// close closes a connection. It takes the connection out of the epoll set first: a child
// may have a copy until its exec, so that closing alone would not.
func (s *Sink) close(conn int) {
	s.poll.Remove(conn)
	unix.Close(conn)
}

// setTimer has connections closed when their time has passed. One timer is enough for
// all, unless a connection is to be closed before it comes.
func (s *Sink) setTimer() {
	_, until, ok := s.First()
	if n := len(s.dues); !ok || n > 0 && !until.Before(s.dues[n-1]) {
		return
	}
	s.dues = append(s.dues, until)
	s.timers.After(time.Until(until), func() {
		s.dues = s.dues[:len(s.dues)-1] // timers come in the order of their times
		s.closeUntil(time.Now())
		s.setTimer()
	})
}

// closeUntil closes the connections whose time is not after now.
func (s *Sink) closeUntil(now time.Time) {
	for conn, until, ok := s.First(); ok && !now.Before(until); conn, until, ok = s.First() {
		s.Remove(conn)
		s.close(conn)
	}
}

// CloseAll closes all connections.
func (s *Sink) CloseAll() {
	for conn, _, ok := s.First(); ok; conn, _, ok = s.First() {
		s.Remove(conn)
		s.close(conn)
	}
}
