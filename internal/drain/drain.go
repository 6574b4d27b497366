// Package drain ends connections without losing what was sent on them. In goes the
// descriptor of a stream on which all has been sent; the client is told the end, and
// what it still sends is read and dropped until it has closed its side too, or until
// a time has passed.
//
// Without that, a close with unread bytes in the receive queue resets the connection
// (RFC 1122, 4.2.2.13), and the client's system may throw away what the client has
// not read yet.
//
// A Set keeps connections that are drained, and a Sink polls and closes them in an event
// loop. Each belongs to a single goroutine.
package drain

import (
	"container/heap"
	"time"

	"golang.org/x/sys/unix"
)

// Set is a set of connections that are drained. The zero Set is empty.
type Set struct {
	conns map[int]*conn // by descriptor
	order order
}

// conn is a connection that is drained.
type conn struct {
	fd    int
	until time.Time
	at    int // index in Set.order
}

// Max is how many connections are drained at once. A client that never closes takes
// a place until its time has passed, or for as long as nobody else needs it.
const Max = 512

// Add takes in a connection that is to be closed by a time at the latest. If there are
// then too many, Add takes out the one that would be closed first and returns it, for the
// caller to close. Otherwise out is -1.
func (s *Set) Add(fd int, until time.Time) (out int) {
	if s.conns == nil {
		s.conns = map[int]*conn{}
	}
	c := &conn{fd: fd, until: until}
	s.conns[fd] = c
	heap.Push(&s.order, c)
	if len(s.order) <= Max {
		return -1
	}
	out = s.order[0].fd
	s.Remove(out)
	return out
}

// Remove takes a connection out. It reports false if it was not in the set.
func (s *Set) Remove(fd int) bool {
	c := s.conns[fd]
	if c == nil {
		return false
	}
	heap.Remove(&s.order, c.at)
	delete(s.conns, fd)
	return true
}

// First returns the connection whose time passes first. ok is false if there is none.
func (s *Set) First() (fd int, until time.Time, ok bool) {
	if len(s.order) == 0 {
		return -1, time.Time{}, false
	}
	return s.order[0].fd, s.order[0].until, true
}

// Each calls f with each connection and its time.
func (s *Set) Each(f func(fd int, until time.Time)) {
	for _, c := range s.order {
		f(c.fd, c.until)
	}
}

// Len is how many connections are drained.
func (s *Set) Len() int { return len(s.order) }

// perCall bounds what Rest reads at once, so that no client keeps others waiting.
const perCall = 4

// Rest reads and drops what has arrived on a connection; buffer is where it is read to.
// It reports whether the client has closed its side or is gone. The descriptor may be
// blocking; Rest does not wait.
func Rest(fd int, buffer []byte) (over bool) {
	for range perCall {
		n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN, err == unix.EINTR:
			return false
		case err != nil, n == 0:
			return true
		}
	}
	return false
}

// order is a heap: the connection whose time passes first is at the top (container/heap).
type order []*conn

func (o order) Len() int           { return len(o) }
func (o order) Less(i, j int) bool { return o[i].until.Before(o[j].until) }
func (o order) Swap(i, j int)      { o[i], o[j] = o[j], o[i]; o[i].at, o[j].at = i, j }
func (o *order) Push(x any)        { c := x.(*conn); c.at = len(*o); *o = append(*o, c) }

func (o *order) Pop() any {
	last := len(*o) - 1
	c := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return c
}
