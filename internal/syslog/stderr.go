package syslog

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errNowhere: a line written to /dev/null, where a daemon in the background has its
// standard error, is lost.
var errNowhere = errors.New("standard error is /dev/null")

// print writes a line to standard error and reports whether it got there.
func (w *writer) print(e entry) bool {
	if w.Stderr == nil {
		return false
	}
	line := fmt.Appendf(nil, "%s[%d]: %s\n", w.Ident, os.Getpid(), e.text)
	if f, ok := w.Stderr.(*os.File); ok {
		return writeFile(f, line) == nil
	}
	_, err := w.Stderr.Write(line)
	return err == nil
}

// writeFile writes b without package os, which ends the process with SIGPIPE
// when nobody reads descriptor 2 any more.
func writeFile(f *os.File, b []byte) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		failed = errNowhere
		if !isNull(int(fd)) {
			failed = writeAll(int(fd), b)
		}
		return true
	})
	return errors.Join(err, failed)
}

// isNull reports whether fd is /dev/null: character device 1, 3.
func isNull(fd int) bool {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(st.Rdev) == unix.Mkdev(1, 3)
}

// writeAll writes all of b, even to a descriptor that somebody made non-blocking, as
// happens to a shared terminal.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
			if err != nil && err != unix.EINTR {
				return err
			}
		default:
			return err
		}
	}
	return nil
}
