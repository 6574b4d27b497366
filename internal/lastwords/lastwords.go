// Package lastwords keeps what a process has last written to its standard error, so that
// its end can be explained. Out come a descriptor for a new process, and later the last
// line that was written to it.
//
// The words are in memory (memfd_create(2)) and not in a pipe: nobody has to read
// them, and the process lives on, unharmed by SIGPIPE, when whoever started it is gone.
package lastwords

import (
	"bytes"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	kept = 4 << 10  // bytes at the end that are looked at
	most = 64 << 10 // bytes from which on Trim forgets
)

// Words are what a process writes.
type Words struct{ fd int }

// New returns empty Words. The caller must Close them.
func New() (Words, error) {
	fd, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return Words{-1}, os.NewSyscallError("memfd_create", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_APPEND); err != nil {
		unix.Close(fd)
		return Words{-1}, os.NewSyscallError("fcntl", err)
	}
	return Words{fd}, nil
}

// At returns the Words of a descriptor that FD has returned, perhaps in a program that
// has executed this one.
func At(fd int) Words { return Words{fd} }

// FD returns the descriptor of the Words, which stays theirs. Processes write to copies.
func (w Words) FD() int { return w.fd }

// Close forgets the words. A process that still writes them may go on.
func (w Words) Close() {
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
}

// Trim forgets the words if they are many. Call it from time to time.
func (w Words) Trim() {
	if w.size() > most {
		unix.Ftruncate(w.fd, 0)
	}
}

func (w Words) size() int64 {
	var st unix.Stat_t
	if w.fd < 0 || unix.Fstat(w.fd, &st) != nil {
		return 0
	}
	return st.Size
}

// Last returns the last line that is not blank, as it was written; "" if there is
// none.
func (w Words) Last() string {
	size := w.size()
	b := make([]byte, min(size, kept))
	n, err := unix.Pread(w.fd, b, size-int64(len(b)))
	if err != nil {
		return ""
	}
	text := bytes.TrimRight(b[:n], " \t\r\n\x00")
	return strings.TrimSpace(string(text[bytes.LastIndexByte(text, '\n')+1:]))
}
