package account

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"inetd/internal/plaintext"
	"inetd/internal/textfile"

	"golang.org/x/sys/unix"
)

// file is a file and its status when it was read.
type file struct {
	path string
	seen status      // zero: there was none
	now  unix.Stat_t // room for its status now
}

// status is what changes with a file.
type status struct {
	dev, ino uint64
	size     int64
	modified unix.Timespec
}

func newStatus(st *unix.Stat_t) status {
	return status{uint64(st.Dev), st.Ino, st.Size, st.Mtim}
}

// maxFile is how many bytes of a file are read at most: a million users or memberships
// take less.
const maxFile = 256 << 20

// read returns the text. A damaged file is an error, since a user may be
// missing in it.
func (f *file) read() (string, error) {
	in, err := textfile.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer in.Close()
	// Before reading, so that an edit meanwhile shows as a change.
	if err := unix.Fstat(int(in.Fd()), &f.now); err != nil {
		return "", &fs.PathError{Op: "stat", Path: f.path, Err: err}
	}
	f.seen = newStatus(&f.now)
	bytes, err := textfile.ReadAll(in, maxFile)
	if err != nil {
		return "", err
	}
	text, _, fault := plaintext.Decode(bytes)
	if fault != nil {
		return "", fmt.Errorf("%s:%w", f.path, fault)
	}
	return text, nil
}

// changed asks the kernel directly: the daemon calls it while it serves clients, when few
// pages of package os are in memory.
func (f *file) changed() bool {
	if unix.Stat(f.path, &f.now) != nil {
		f.now = unix.Stat_t{}
	}
	return newStatus(&f.now) != f.seen
}

const blanks = " \t\r\n\v\f"

// split cuts a line at colons into fields, the last of which takes the rest,
// and returns how many there are.
func split(line string, fields []string) int {
	line = strings.Trim(line, blanks)
	for i := range fields[:len(fields)-1] {
		var more bool
		fields[i], line, more = strings.Cut(line, ":")
		if !more {
			return i + 1
		}
	}
	fields[len(fields)-1] = line
	return len(fields)
}

// isName tells names from comments and from the + and - entries by which NIS
// is merged into a file.
func isName(name string) bool {
	return name != "" && !strings.ContainsRune("#+-", rune(name[0]))
}
