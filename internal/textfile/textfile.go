// Package textfile reads files that people write. In goes a path and how much may be
// read; out comes the content. Only regular files are read, and pipes by ReadPipe:
// opening a file of another kind may block for ever, and reading it may never end.
package textfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// Limit, in bytes, is enough for any file that is written by hand or by a package.
const Limit = 16 << 20

// Open opens a regular file, or /dev/null, for reading. For any other kind of file it
// returns an error that says which. It never waits for the writer of a FIFO, and does
// not make a terminal the controlling one.
func Open(path string) (*os.File, error) {
	if err := regular(os.Stat(path)); err != nil { // opening a device may already have an effect
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	if err := regular(f.Stat()); err != nil { // the file may have been replaced in between
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// Read returns the content of a regular file. More than limit bytes are an error.
func Read(path string, limit int64) (string, error) {
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return ReadAll(f, limit)
}

// ReadPipe returns what comes out of a pipe until its last writer closes it, which
// must be within d. A pipe without a writer is an error: either nobody has opened it
// yet, or it has been read before.
func ReadPipe(path string, limit int64, d time.Duration) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(d)); err != nil {
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no pipe any more")}
	}
	text, err := ReadAll(f, limit)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it is a pipe, and its writer has not ended after %v", d)}
	case err == nil && text == "":
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a pipe, and nobody writes to it")}
	}
	return text, err
}

// ReadAll returns the rest of a file. More than limit bytes are an error.
func ReadAll(f *os.File, limit int64) (string, error) {
	var text strings.Builder
	if info, err := f.Stat(); err == nil {
		text.Grow(int(min(info.Size(), limit)))
	}
	n, err := io.Copy(&text, io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = &fs.PathError{Op: "read", Path: f.Name(), Err: fmt.Errorf("it has more than %d bytes", limit)}
	}
	if err != nil {
		return "", err
	}
	return text.String(), nil
}

// IsPipe reports whether a path leads to a pipe, named or not.
func IsPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// regular returns an error that says what a file is, unless it is one to read.
func regular(info fs.FileInfo, err error) error {
	if err != nil {
		return bare(err)
	}
	switch mode := info.Mode(); {
	case mode.IsRegular(), isNull(info):
		return nil
	case mode.IsDir():
		return syscall.EISDIR
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("it is a FIFO")
	case mode&fs.ModeSocket != 0:
		return errors.New("it is a socket")
	}
	return errors.New("it is a device")
}

// bare returns an error without the operation and the path.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// isNull recognizes /dev/null, by which an administrator says "no file". It is
// device 1:3 on every Linux.
func isNull(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 1<<8|3
}
