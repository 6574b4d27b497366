package strerror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err         error
		cause, call string
	}{
		{syscall.EADDRINUSE, "Address already in use", "Address already in use"},
		{os.NewSyscallError("bind", syscall.EADDRINUSE), "Address already in use", "bind: Address already in use"},
		{fmt.Errorf("more: %w", os.NewSyscallError("bind", syscall.EACCES)), "Permission denied", "bind: Permission denied"},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOTDIR}, "Not a directory", "Not a directory"},
		{fs.ErrNotExist, "No such file or directory", "No such file or directory"},
		{os.NewSyscallError("x", errors.New("odd")), "x: odd", "x: odd"},
		{errors.New("a text"), "a text", "a text"},
	} {
		if got := Cause(test.err); got != test.cause {
			t.Errorf("Cause(%v) = %q, want %q", test.err, got, test.cause)
		}
		if got := Call(test.err); got != test.call {
			t.Errorf("Call(%v) = %q, want %q", test.err, got, test.call)
		}
	}
}
