package child

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stderrMode is the mode of a file created for a server's standard error.
const stderrMode = 0o640

// stderrFile has the child append its standard error to a file. The child opens it with
// the identity that it has by then: the owner of the directory, with a symbolic link say,
// can make neither the server nor the daemon write where the server's user could not. A
// file that does not answer, such as a pipe that nobody reads, can only hold up the
// child, not the daemon.
func (sc *script) stderrFile(path string) error {
	p, err := unix.ByteSliceFromString(path)
	if err != nil {
		return fmt.Errorf("%s %q: %w", Stderr, path, err)
	}
	sc.keep(p)
	sc.stderr = true
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NOCTTY
	const fd = 3 // the lowest free number, as the calls of descriptors leave it
	sc.add(Stderr, unix.SYS_OPENAT, ^uintptr(0), address(unsafe.SliceData(p)), flags|unix.O_NONBLOCK, stderrMode)
	sc.add(Stderr, unix.SYS_FCNTL, fd, unix.F_SETFL, unix.O_APPEND) // the server's writes may block
	sc.add(Stderr, unix.SYS_DUP3, fd, 2)
	sc.add(Stderr, unix.SYS_CLOSE_RANGE, fd, fd)
	return nil
}
