package handover

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Env is the environment variable that tells a program which descriptor holds the state
// it takes over.
const Env = "INETD_STATE"

// Leave writes the text of a state to memory that survives an exec, and returns its
// descriptor, which is not close-on-exec. The caller owns it.
func Leave(text []byte) (fd int, err error) {
	fd, err = unix.MemfdCreate("inetd-state", 0)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for rest := text; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("write", err)
		}
		rest = rest[n:]
	}
	return fd, nil
}

// Waiting reports whether there is a state for Left to return.
func Waiting() bool { return os.Getenv(Env) != "" }

// Left returns the state that the program before left in this process, or nil if there is
// none. It works once, as it unsets the variable: children are not to see it.
func Left() (*State, error) {
	value, left := os.LookupEnv(Env)
	if !left {
		return nil, nil
	}
	os.Unsetenv(Env)
	fd, err := strconv.Atoi(value)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s=%q names no descriptor", Env, value)
	}
	f := os.NewFile(uintptr(fd), "inetd-state")
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(errFormat, err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return Decode(text)
}
