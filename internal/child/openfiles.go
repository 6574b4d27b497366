package child

import (
	"inetd/internal/child/nofile"

	"golang.org/x/sys/unix"
)

// LowerOpenFiles sets the limit of open files to what it was when the process was
// started, for a program that is executed in its place. raise undoes it.
func LowerOpenFiles() (raise func()) {
	var raised unix.Rlimit
	if nofile.AtStart == (nofile.Limit{}) || unix.Getrlimit(unix.RLIMIT_NOFILE, &raised) != nil {
		return func() {} // syscall.Exec does it where there is no assembly
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: nofile.AtStart.Soft, Max: nofile.AtStart.Hard})
	return func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) }
}
