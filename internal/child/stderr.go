package child

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stderrMode is that of a file that a server's standard error has made.
const stderrMode = 0o640

// stderrFile has the child open a file as its standard error, to append to it. It is
// opened by whoever the child is by then, so that a directory of others leads it to
// nothing that its user could not write: not by a symbolic link, and not the daemon.
// What others may do to the daemon by a file that does not answer, such as a pipe
// that nobody reads, they do to a child.
func (w *way) stderrFile(path string) error {
	p, err := unix.ByteSliceFromString(path)
	if err != nil {
		return fmt.Errorf("%s %q: %w", Stderr, path, err)
	}
	w.keep(p)
	w.stderr = true
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NOCTTY
	const fd = 3 // the lowest that is free, as descriptors has left it
	w.add(Stderr, unix.SYS_OPENAT, ^uintptr(0), address(unsafe.SliceData(p)), flags|unix.O_NONBLOCK, stderrMode)
	w.add(Stderr, unix.SYS_FCNTL, fd, unix.F_SETFL, unix.O_APPEND) // the server's writes may block
	w.add(Stderr, unix.SYS_DUP3, fd, 2)
	w.add(Stderr, unix.SYS_CLOSE_RANGE, fd, fd)
	return nil
}
