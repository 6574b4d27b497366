package sock

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Consume takes what made a socket readable, and drops it.
func Consume(fd int, s Spec) {
	if !s.Listens() {
		unix.Recvfrom(fd, make([]byte, 1), unix.MSG_DONTWAIT)
		return
	}
	if Readable(fd) {
		if conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC); err == nil {
			unix.Close(conn)
		}
	}
}

// Exhausted reports whether err says that the process or the system has run out of
// descriptors or memory.
func Exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.ENOMEM)
}

// Gone reports whether err is one of a connection that ended before it was accepted;
// Linux hands such errors over with accept (accept(2), "Error handling").
func Gone(err error) bool {
	for _, e := range []syscall.Errno{unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH} {
		if err == e {
			return true
		}
	}
	return false
}
