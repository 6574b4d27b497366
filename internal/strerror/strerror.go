// Package strerror words errors as the C library does: "Address already in use".
// Administrators know these texts and scripts search for them; Go's own begin in lower
// case. In goes an error; out comes text for a log line.
package strerror

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Errno returns the text of an errno.
func Errno(e syscall.Errno) string {
	t := e.Error()
	return strings.ToUpper(t[:1]) + t[1:]
}

// Cause returns the text of the innermost error.
func Cause(err error) string {
	var e syscall.Errno
	var p *fs.PathError
	switch {
	case errors.As(err, &e):
		return Errno(e)
	case errors.Is(err, fs.ErrNotExist):
		return Errno(syscall.ENOENT)
	case errors.As(err, &p):
		return p.Err.Error()
	}
	return err.Error()
}

// Call returns Cause after the name of the system call that failed, if that is known:
// "bind: Address already in use".
func Call(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) && errors.As(call.Err, new(syscall.Errno)) {
		return call.Syscall + ": " + Cause(call.Err)
	}
	return Cause(err)
}
