package inetd

import (
	"bytes"
	"errors"
	"fmt"
	"inetd/internal/plan"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The dialogue of tcpmux stays in this package. It has no state but the line that
// is being read, and both of its ends are the event loop's: a client comes from
// accept, and goes on to admit and attend as the client of another service.

// Bounds on the dialogue of tcpmux.
const (
	muxTime    = 10 * time.Second // for all of it
	maxMuxLine = 256              // bytes of the service's name with the end of its line
)

// muxLabel begins the labels of the services that tcpmux hands out.
const muxLabel = plan.MuxName + "/"

func (v *service) muxName() string { return strings.TrimPrefix(v.label, muxLabel) }

// serveMux reads the name of a service from a client of tcpmux, and has the loop
// start the service.
func (s *Server) serveMux(v *service, c client, from leftover) {
	services := s.now.mux
	s.converse(v, c, from, func(f *connection) error {
		f.begin(muxTime)
		if f.left.over {
			return f.awaitEnd()
		}
		name, err := readName(f)
		switch {
		case errors.Is(err, errLongName), errors.Is(err, io.ErrUnexpectedEOF):
			return f.dismiss("-Error reading service name\r\n")
		case err != nil: // the client is gone, or too slow
			return err
		case strings.EqualFold(name, "help"):
			return f.dismiss(menu(services))
		}
		if no := s.handOut(name, c, f); no != "" {
			return f.dismiss(no)
		}
		return nil
	})
}

// menu is the answer to "help": the name of each service on a line of its own.
func menu(services []*service) string {
	var b strings.Builder
	for _, v := range services {
		b.WriteString(v.muxName() + "\r\n")
	}
	return b.String()
}

// handOut asks the loop to start a service, and returns what the client is to be
// told if that does not. It is called by the goroutine of the dialogue.
func (s *Server) handOut(name string, c client, f *connection) (no string) {
	f.room.Work()
	answer := make(chan string, 1)
	s.mail.Post(func() { answer <- s.demux(name, c, f) })
	return <-answer
}

// demux starts the service of a name for a client of tcpmux. If there is no such
// service or its limits forbid a start, it returns what the client is told: it has
// been accepted, so it cannot wait in a listen queue as others do.
func (s *Server) demux(name string, c client, f *connection) (no string) {
	v := s.muxed(name)
	if v == nil {
		if s.cfg.LogConnections {
			s.log.Infof("%s: no service %q%s", plan.MuxName, name, c.from())
		}
		return notAvailable
	}
	if v.used != nil && v.used.suspended || !s.mayStart(v) {
		return v.refusal()
	}
	conn, err := f.duplicate()
	if err != nil {
		s.lack(v, "fcntl", err)
		return v.refusal()
	}
	if !s.admit(v, &c) || !s.enter(v, &c) {
		unix.Close(conn)
		return v.refusal()
	}
	unix.SetNonblock(conn, false)
	c.conn = conn
	if c.room != nil {
		f.room = nil // this dialogue's room is that of the builtin now
	}
	s.attend(v, c)
	return ""
}

// welcome tells a client of tcpmux that its server begins, if the entry has a +;
// otherwise the server does so itself. The text fits into the empty send buffer.
func (v *service) welcome(c client) {
	if v.do.Plus {
		unix.Write(c.conn, []byte("+Go\r\n"))
	}
}

// notAvailable is the answer to a client of tcpmux that gets no server.
const notAvailable = "-Service not available\r\n"

// muxState is what a service of tcpmux is doing, in words.
func (v *service) muxState() string {
	u := v.usage()
	if u.suspended {
		return "suspended until " + u.Starts.End(v.do.Limits.Window).Format(time.TimeOnly)
	}
	return fmt.Sprintf("handed out by tcpmux, %d servers", u.Live)
}

// muxed finds the service of a name. Upper and lower case are the same.
func (s *Server) muxed(name string) *service {
	for _, v := range s.now.mux {
		if strings.EqualFold(v.muxName(), name) {
			return v
		}
	}
	return nil
}

// inheritMux gives the services of tcpmux in g the usage that they have now. The
// usage of other services comes with their sockets.
func (s *Server) inheritMux(g *generation) {
	used := map[string]*usage{}
	for _, v := range s.now.mux {
		used[v.label] = v.used
	}
	for _, v := range g.mux {
		v.used = used[v.label]
	}
}

var errLongName = errors.New("the name of the service is too long")

// readName reads the first line that a client sends. It leaves all bytes after the
// line to the server. If the client ends before the line does, the error is
// io.ErrUnexpectedEOF.
func readName(f *connection) (string, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return "", err
	}
	line := append(make([]byte, 0, maxMuxLine), f.left.got...)
	defer func() { f.left.got = line }()
	for !bytes.HasSuffix(line, []byte("\n")) {
		if len(line) >= maxMuxLine {
			return "", errLongName
		}
		var n int
		var e error
		err := raw.Read(func(fd uintptr) bool {
			n, e = receiveLine(int(fd), line[len(line):maxMuxLine])
			return e != unix.EAGAIN
		})
		if err = errors.Join(err, e); err != nil {
			return "", err
		}
		if n == 0 {
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

// dismiss sends a last message, and reads until the client closes its end. A close
// with unread bytes would reset the connection, and the client might lose the
// message.
func (c *connection) dismiss(text string) error {
	c.room.Wait(time.Now())
	if _, err := c.WriteString(text); err != nil {
		return err
	}
	c.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) })
	c.left.over = true
	return c.awaitEnd()
}

// awaitEnd reads until the client closes its end.
func (c *connection) awaitEnd() error {
	_, err := io.Copy(io.Discard, c.File)
	return err
}

// duplicate returns another descriptor of the connection, a low one, as a
// connection has that a server is started for.
func (c *connection) duplicate() (conn int, err error) {
	err = c.control(func(fd int) (err error) {
		conn, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		return err
	})
	return conn, err
}

// control calls f with the descriptor, which cannot be closed meanwhile.
func (c *connection) control(f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	return errors.Join(raw.Control(func(fd uintptr) { e = f(int(fd)) }), e)
}
