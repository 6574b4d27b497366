package stream

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"time"
)

// A conversation can be interrupted and go on later, in this program or in the one that
// takes over at an upgrade. It is interrupted where it waits for its client, so that
// little is left undone.

// Leftover is what a conversation has left undone.
type Leftover struct {
	Begun  int64     // when it began, Unix time in ns; 0: there was none
	Got    []byte    // what was read and not answered
	Unsent []byte    // the rest of an answer
	Until  time.Time // the conversation ends then; zero: as long as anybody says something
	Over   bool      // all was said, and only the client's end is waited for
}

// Interrupt ends the call that the goroutine of a conversation is in, and all that
// follow. What is to be read stays in the socket.
func (c *Conn) Interrupt() {
	c.interrupting.Store(true)
	c.SetDeadline(longAgo)
}

var longAgo = time.Unix(1, 0)

// limit sets a deadline, unless the conversation is being interrupted.
func (c *Conn) limit(set func(time.Time) error, t time.Time) {
	set(t)
	if c.interrupting.Load() { // perhaps before set
		c.SetDeadline(longAgo)
	}
}

// Begin sets the deadline of a dialogue that may take d in all.
func (c *Conn) Begin(d time.Duration) {
	now := time.Now()
	if c.Left.Until.IsZero() {
		c.Left.Until = now.Add(d)
	}
	c.limit(c.SetDeadline, c.Left.Until)
	c.Room.Wait(now)
}

// Interrupted reports whether err comes from Interrupt, so that the conversation can go
// on later.
func (c *Conn) Interrupted(err error) bool {
	return c.interrupting.Load() && errors.Is(err, os.ErrDeadlineExceeded)
}

// catchUp sends the rest of an answer that was interrupted.
func (c *Conn) catchUp() error {
	if len(c.Left.Unsent) == 0 {
		return nil
	}
	_, err := c.write(c.Left.Unsent)
	return err
}

// write writes b, and notes what is left of it.
func (c *Conn) write(b []byte) (int, error) {
	now := time.Now()
	c.Room.Wait(now)
	c.limit(c.SetWriteDeadline, now.Add(cmp.Or(c.Idle, idleTime)))
	n, err := c.File.Write(b)
	c.Left.Unsent = nil
	if c.Interrupted(err) {
		c.Left.Unsent = bytes.Clone(b[n:])
	}
	return n, err
}

// Keeping returns the connection for a dialogue that cannot go on in its middle. conn
// first reads again what an interrupted dialogue has read; got collects all that is read.
func (c *Conn) Keeping() (conn io.ReadWriter, got *bytes.Buffer) {
	got = bytes.NewBuffer(bytes.Clone(c.Left.Got))
	r := io.MultiReader(bytes.NewReader(c.Left.Got), io.TeeReader(c.File, got))
	return struct {
		io.Reader
		io.Writer
	}{r, c.File}, got
}
