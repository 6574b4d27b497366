package child

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalSession sends a signal to all of the session that a child leads, or to the child
// alone as long as it has not begun that. The child must not have been reaped: its number
// could be another's by then. That of a start which has failed is below 0, and there is
// no process.
func SignalSession(pid int, sig syscall.Signal) {
	if pid > 0 && unix.Kill(-pid, sig) == unix.ESRCH {
		unix.Kill(pid, sig)
	}
}

// How is the end of a process in words.
func How(w syscall.WaitStatus) string {
	switch {
	case w.Signaled() && w.Signal() == syscall.SIGKILL:
		return "killed by SIGKILL" // its name in words is "killed"
	case w.Signaled():
		return "killed by " + w.Signal().String()
	}
	return "exit status " + strconv.Itoa(w.ExitStatus())
}

// Crash reports a signal that a server of one client does not die of in its ordinary
// life. SIGPIPE and SIGHUP mean that the client has gone.
func Crash(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGALRM:
		return false
	}
	return true
}
