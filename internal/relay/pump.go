package relay

import (
	"errors"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// flow is one direction of a connection. A few bytes are read and written, by two system
// calls. If a side sends much, the bytes go by splice(2) through a pipe, if one is to be
// had, and stay in the kernel.
type flow struct {
	rest  []byte // read and not yet written
	pipe  *pipe  // spliced and not yet passed on; nil: nothing
	bulk  bool   // the side sends much: splice
	moved uint64 // bytes
	ended bool   // nothing comes any more, and the other side knows
}

const (
	// readSize is how much is read at a time, in bytes. A side that fills it sends much, until
	// a turn moves less than littleSize: for so little, a read costs less than a pipe.
	readSize   = 64 << 10
	littleSize = 16 << 10

	// share is how many bytes one direction moves before other connections have their turn.
	share = largeSize
)

// pump moves what can be moved, both ways, and ends a connection that is done.
func (r *relay) pump(c *conn) {
	if c.sides[client].fd < 0 {
		return // the connection has ended
	}
	more := false
	for i := range c.flows {
		left, err := r.move(c, i)
		if err != nil {
			r.abort(c, errnoFrom(err))
			return
		}
		more = more || left
	}
	switch {
	case c.flows[place].ended && (c.flows[client].ended || r.gone):
		r.end(c, 0)
	case more:
		r.busy = append(r.busy, c)
	}
}

// fault notes an error of the connection to the place, for the report of the end. A reset
// is no such error: it is passed on.
func (c *conn) fault(side int, err error) error {
	if side == place && err != unix.ECONNRESET {
		c.how = Broken
	}
	return err
}

// move moves one direction, and reports whether it stopped at its share and there may be
// more. An error ends the connection: a side was reset, or the network to it is broken.
func (r *relay) move(c *conn, from int) (more bool, err error) {
	f, in, out := &c.flows[from], &c.sides[from], &c.sides[1-from]
	moved := 0
	for !f.ended {
		if f.empty() {
			if !in.readable {
				r.hear(in, true)
				break
			}
			if moved >= share {
				return true, nil
			}
			if err := r.fill(f, in); err != nil {
				return false, c.fault(from, err)
			}
			if f.ended && !c.flows[1-from].ended { // else both sides are closed at once, which says the same
				unix.Shutdown(out.fd, unix.SHUT_WR)
			}
			continue
		}
		if !out.writable {
			if in.broken { // it is not read while its last bytes wait, so look whether it was reset
				if e := errnoOf(in.fd); e != 0 {
					return false, c.fault(from, e)
				}
			}
			r.hear(in, false)
			f.rest = slices.Clone(f.rest) // the buffer is shared by all connections
			return false, nil
		}
		n, err := f.give(out)
		switch {
		case err == unix.EAGAIN:
			out.writable = false
		case err == unix.EINTR:
		case err != nil && err != unix.EPIPE && err != unix.ECONNRESET:
			return false, c.fault(1-from, err)
		case err != nil: // nobody reads there any more; what comes from there is read to its end
			f.ended, f.rest = true, nil
			unix.Shutdown(in.fd, unix.SHUT_RD)
			r.pipes.drop(f)
		}
		f.moved += uint64(n)
		moved += n
		r.moved = true
	}
	f.bulk = f.bulk && (moved == 0 || moved >= littleSize)
	r.pipes.putBack(f)
	return false, nil
}

// empty reports whether all that was taken has been given.
func (f *flow) empty() bool { return len(f.rest) == 0 && (f.pipe == nil || f.pipe.holds == 0) }

// fill takes what a side has sent, and notes if there is nothing, or the end.
func (r *relay) fill(f *flow, in *side) error {
	n, err := r.take(f, in)
	switch {
	case err == unix.EAGAIN:
		in.readable = false
	case err == unix.EINTR:
	case err != nil:
		return err
	case n == 0:
		f.ended = true
	}
	return nil
}

// take takes at most what there is room for. After a short read, TCP has nothing left, so
// it is not read again before its next event, except at its end or at urgent data.
// Urgent data cannot be spliced: splice(2) says EAGAIN there, or even that the end has come
// if it has come too, and so read(2) decides.
func (r *relay) take(f *flow, in *side) (n int, err error) {
	if f.bulk && f.pipe == nil {
		f.pipe = r.pipes.get()
	}
	if f.bulk && f.pipe != nil {
		n, err = f.pipe.take(in.fd)
		if atEnd := n == 0 && err == nil; !atEnd && (err != unix.EAGAIN || !in.exact) {
			return n, err
		}
	}
	if n, err = read(in.fd, r.buffer[:]); err != nil {
		return 0, err
	}
	f.rest = r.buffer[:n]
	f.bulk = n == len(r.buffer)
	if n > 0 && !f.bulk && !in.exact {
		in.readable = false
	}
	return n, nil
}

// give gives a side as much as it takes. TCP never has the first bytes wait for an
// acknowledgment, so TCP_NODELAY is set only before later ones.
func (f *flow) give(out *side) (n int, err error) {
	if out.given && !out.prompt {
		unix.SetsockoptInt(out.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // fails on other sockets
		out.prompt = true
	}
	out.given = true
	if len(f.rest) == 0 {
		return f.pipe.give(out.fd)
	}
	if n, err = write(out.fd, f.rest); err != nil {
		return 0, err
	}
	f.rest = f.rest[n:]
	return n, nil
}

// pipe holds bytes on their way between two sockets, in the kernel.
type pipe struct {
	r, w  int
	holds int // bytes
	large bool
}

// Sizes are in bytes. The kernel gives all pipes of a user other than root 64 MiB together,
// and makes further pipes small, so few are large.
const (
	pipeSize  = 256 << 10
	largeSize = 1 << 20
	maxLarge  = 8 // pipes of largeSize
	maxSpare  = 8 // empty pipes that are kept
)

func (p *pipe) take(fd int) (int, error) {
	n, err := splice(fd, p.w, largeSize) // or as much as there is room for
	p.holds += n
	return n, err
}

func (p *pipe) give(fd int) (int, error) {
	n, err := splice(p.r, fd, p.holds)
	p.holds -= n
	return n, err
}

// The system calls that move bytes do not wait, so Go's runtime is not told of them: it would
// give the processor of one that takes more than 20 us to others.

func splice(from, to, n int) (int, error) {
	return moved(unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK))
}

func read(fd int, b []byte) (int, error) {
	return moved(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}

func write(fd int, b []byte) (int, error) {
	return moved(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))))
}

// moved returns the result of a system call that moves bytes.
func moved(n, _ uintptr, e syscall.Errno) (int, error) {
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// pipes keeps empty pipes to be used again.
type pipes struct {
	spare []*pipe
	large int // how many there are of largeSize, in use or not
}

// get returns an empty pipe, nil if the kernel gives no more.
func (p *pipes) get() *pipe {
	if n := len(p.spare); n > 0 {
		next := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return next
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	next, size := &pipe{r: fds[0], w: fds[1], large: p.large < maxLarge}, pipeSize
	if next.large {
		p.large++
		size = largeSize
	}
	unix.FcntlInt(uintptr(next.r), unix.F_SETPIPE_SZ, size) // if this fails the pipe is smaller
	return next
}

// putBack takes back the pipe of a flow if the pipe is empty.
func (p *pipes) putBack(f *flow) {
	if f.pipe == nil || f.pipe.holds > 0 {
		return
	}
	if len(p.spare) == maxSpare {
		p.drop(f)
		return
	}
	p.spare = append(p.spare, f.pipe)
	f.pipe = nil
}

// drop closes the pipe of a flow, with what is in it.
func (p *pipes) drop(f *flow) {
	if f.pipe == nil {
		return
	}
	unix.Close(f.pipe.r)
	unix.Close(f.pipe.w)
	if f.pipe.large {
		p.large--
	}
	f.pipe = nil
}

// errnoOf returns and clears the pending error of a socket; 0: there is none.
func errnoOf(fd int) syscall.Errno {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return errnoFrom(err)
	}
	return syscall.Errno(n)
}

// errnoFrom returns the errno in an error, EIO if there is none.
func errnoFrom(err error) syscall.Errno {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return unix.EIO
	}
	return e
}
