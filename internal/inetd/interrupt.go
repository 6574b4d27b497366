package inetd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// A conversation of a builtin can be interrupted and go on later, in this program or
// in the one that takes over. It is interrupted where it waits for its client, so
// that what is left undone is little.

// leftover is what a conversation has left undone.
type leftover struct {
	begun  bool      // there was one
	got    []byte    // what was read and not answered
	unsent []byte    // the rest of an answer
	until  time.Time // it ends then; zero: as long as anybody says something
	over   bool      // all was said, and only the client's end is waited for
}

// aside is a client whose conversation was interrupted.
type aside struct {
	svc    *service
	client client
	left   leftover
}

// interrupt ends the call that the goroutine of a conversation is in, and all that
// follow. What is to be read stays in the socket.
func (c *connection) interrupt() {
	c.interrupting.Store(true)
	c.SetDeadline(longAgo)
}

var longAgo = time.Unix(1, 0)

// limit sets a deadline, unless the conversation is being interrupted.
func (c *connection) limit(set func(time.Time) error, t time.Time) {
	set(t)
	if c.interrupting.Load() { // perhaps before set
		c.SetDeadline(longAgo)
	}
}

// begin sets the deadline of a dialogue that may take d in all.
func (c *connection) begin(d time.Duration) {
	now := time.Now()
	if c.left.until.IsZero() {
		c.left.until = now.Add(d)
	}
	c.limit(c.SetDeadline, c.left.until)
	c.room.Wait(now)
}

// interrupted reports whether err is the end of a conversation that can go on.
func (c *connection) interrupted(err error) bool {
	return c.interrupting.Load() && errors.Is(err, os.ErrDeadlineExceeded)
}

// catchUp sends the rest of an answer that was interrupted.
func (c *connection) catchUp() error {
	if len(c.left.unsent) == 0 {
		return nil
	}
	_, err := c.write(c.left.unsent)
	return err
}

// write writes b, and notes what is left of it.
func (c *connection) write(b []byte) (int, error) {
	now := time.Now()
	c.room.Wait(now)
	c.limit(c.SetWriteDeadline, now.Add(idleTime))
	n, err := c.File.Write(b)
	c.left.unsent = nil
	if c.interrupted(err) {
		c.left.unsent = bytes.Clone(b[n:])
	}
	return n, err
}

// keeping is the connection for a dialogue that cannot go on in its middle: got has
// all that was read, and is read again if the dialogue is taken up once more.
func (c *connection) keeping() (conn io.ReadWriter, got *bytes.Buffer) {
	got = bytes.NewBuffer(bytes.Clone(c.left.got))
	r := io.MultiReader(bytes.NewReader(c.left.got), io.TeeReader(c.File, got))
	return struct {
		io.Reader
		io.Writer
	}{r, c.File}, got
}

// interruptTalks interrupts all conversations.
func (s *Server) interruptTalks() {
	for f := range s.talks {
		f.interrupt()
	}
}

// setAside keeps a client whose conversation was interrupted. It reports false if
// that is impossible.
func (s *Server) setAside(v *service, c client, f *connection) bool {
	conn, err := f.duplicate()
	f.Close()
	if err != nil {
		return false
	}
	c.conn, c.room = conn, f.room
	f.left.begun = true
	s.asides = append(s.asides, aside{v, c, f.left})
	return true
}

// talkOn takes up the conversations that were interrupted.
func (s *Server) talkOn() {
	list := s.asides
	s.asides = nil
	for _, a := range list {
		s.talk(a.svc, a.client, a.left)
	}
}
