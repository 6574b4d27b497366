// Package stream lets a goroutine talk with a client over its connection. In goes the
// descriptor of an accepted connection; out come its first line, the header of a proxy,
// what a builtin reads and writes, and in the end a descriptor for a server. The server
// misses no byte: before it, no more is read than the line or the header has.
package stream

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"inetd/internal/child"
	"inetd/internal/limit"
	"inetd/internal/proxyproto"

	"golang.org/x/sys/unix"
)

const idleTime = 10 * time.Minute

// Conn is a connection that a goroutine may read and write, with a time-out on each call.
// During a call the connection may lose its room to another client, or be interrupted.
type Conn struct {
	*os.File
	Room *limit.Member // nil: none
	Left Leftover      // what an interruption leaves
	Idle time.Duration // how long a Read or a Write may take; 0: 10 minutes

	interrupting atomic.Bool
}

// Open takes over the descriptor of a connection, also if it returns an error. The
// connection is shut down when it loses its room.
func Open(fd int, room *limit.Member) (*Conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	c := &Conn{File: os.NewFile(uintptr(fd), "connection"), Room: room}
	if room != nil {
		room.Evict = c.End
	}
	return c, nil
}

// End ends the conversation with the client.
func (c *Conn) End() { c.shut(unix.SHUT_RDWR) }

// shut shuts the connection down (shutdown(2)), which ends the call that a goroutine is
// in, and all that follow, whatever their deadlines are.
func (c *Conn) shut(how int) error {
	return c.control(func(fd int) error { return unix.Shutdown(fd, how) })
}

// CloseWrite tells the client that nothing more is sent.
func (c *Conn) CloseWrite() error { return c.shut(unix.SHUT_WR) }

// Read reads what the client sends, once the rest of an interrupted answer is sent. It waits
// up to Idle for the client. Meanwhile another client may take its room, which ends the
// connection. A Conn without a Room has no Read and no Write; those of File serve instead.
func (c *Conn) Read(b []byte) (int, error) {
	if err := c.catchUp(); err != nil {
		return 0, err
	}
	now := time.Now()
	c.Room.Wait(now)
	c.limit(c.SetReadDeadline, now.Add(cmp.Or(c.Idle, idleTime)))
	return c.File.Read(b)
}

// Write sends b to the client, and waits, likewise, up to Idle. What an interruption keeps
// from being sent is in Left.Unsent.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.catchUp(); err != nil {
		return 0, err
	}
	return c.write(b)
}

// ErrLongLine is the error of a first line that is longer than allowed.
var ErrLongLine = errors.New("the line is too long")

// ReadLine reads the first line that a client sends, of up to most bytes with its end. It
// leaves all bytes after the line in the socket. If the client ends before the line does,
// the error is io.ErrUnexpectedEOF.
func (c *Conn) ReadLine(most int) (string, error) {
	line := append(make([]byte, 0, most), c.Left.Got...)
	defer func() { c.Left.Got = line }()
	for !bytes.HasSuffix(line, []byte("\n")) {
		if len(line) >= most {
			return "", ErrLongLine
		}
		n := 0
		err := c.receive(func(fd int) (err error) {
			n, err = receiveLine(fd, line[len(line):most])
			return err
		})
		switch {
		case err != nil:
			return "", err
		case n == 0:
			return "", io.ErrUnexpectedEOF
		}
		line = line[:len(line)+n]
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))), nil
}

// receiveLine receives what has arrived, up to the end of the first line.
func receiveLine(fd int, b []byte) (int, error) {
	n, _, err := unix.Recvfrom(fd, b, unix.MSG_PEEK)
	if err != nil || n == 0 {
		return 0, err
	}
	if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
		n = i + 1
	}
	return unix.Read(fd, b[:n])
}

// ReadHeader reads the header that a proxy sends, and no byte more. If the proxy ends
// before the header does, the error is io.ErrUnexpectedEOF; others are those of package
// proxyproto.
func (c *Conn) ReadHeader() (h proxyproto.Header, err error) {
	var have []byte
	for n := 0; n == 0 && err == nil; {
		err = c.receive(func(fd int) (err error) {
			h, n, have, err = receiveHeader(fd, have)
			return err
		})
	}
	return h, err
}

// receiveHeader receives what has arrived of a header, of which have is the beginning.
// n is the length of the header once it is complete.
func receiveHeader(fd int, have []byte) (h proxyproto.Header, n int, _ []byte, err error) {
	var b [256]byte
	got, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK)
	switch {
	case err != nil:
		return h, 0, have, err
	case got == 0:
		return h, 0, have, io.ErrUnexpectedEOF
	}
	all := append(have, b[:got]...)
	if h, n, err = proxyproto.Parse(all); err != nil {
		return h, 0, have, err
	}
	if n > 0 {
		all = all[:n]
	}
	_, err = unix.Read(fd, b[:len(all)-len(have)]) // does not block: they have arrived
	return h, n, all, err
}

// Dismiss sends a last message, and reads until the client closes its end. A close
// with unread bytes would reset the connection, and the client might lose the
// message.
func (c *Conn) Dismiss(text string) error {
	c.Room.Wait(time.Now())
	if _, err := c.WriteString(text); err != nil {
		return err
	}
	c.CloseWrite()
	c.Left.Over = true
	return c.AwaitEnd()
}

// AwaitEnd reads until the client closes its end.
func (c *Conn) AwaitEnd() error {
	_, err := io.Copy(io.Discard, c.File)
	return err
}

// Duplicate returns another descriptor of the connection, with a low number, as the start
// of a server needs. The caller owns it.
func (c *Conn) Duplicate() (fd int, err error) {
	err = c.control(func(own int) (err error) {
		fd, err = child.Low(own)
		return err
	})
	return fd, err
}

// control calls f with the descriptor, which cannot be closed meanwhile.
func (c *Conn) control(f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	return errors.Join(raw.Control(func(fd uintptr) { e = f(int(fd)) }), e)
}

// receive calls f whenever something has arrived, until its error is not EAGAIN.
func (c *Conn) receive(f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	err = raw.Read(func(fd uintptr) bool {
		e = f(int(fd))
		return e != unix.EAGAIN
	})
	return errors.Join(err, e)
}
