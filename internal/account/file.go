package account

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// file is a file and what it was like when it was read.
type file struct {
	path string
	seen fs.FileInfo // nil: there was none
}

func (f *file) read() (string, error) {
	in, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer in.Close()
	// Before reading, so that an edit meanwhile shows as a change.
	if f.seen, err = in.Stat(); err != nil {
		return "", err
	}
	var text strings.Builder
	text.Grow(int(f.seen.Size()))
	if _, err := io.Copy(&text, in); err != nil {
		return "", err
	}
	return text.String(), nil
}

func (f *file) changed() bool {
	now, err := os.Stat(f.path)
	if err != nil || f.seen == nil {
		return (err != nil) != (f.seen == nil)
	}
	return !os.SameFile(f.seen, now) || f.seen.Size() != now.Size() || !f.seen.ModTime().Equal(now.ModTime())
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
