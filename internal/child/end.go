package child

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalGroup sends a signal to the process group that a child leads since its setsid,
// or to the child alone before that. The child must not have been reaped: its number
// could be another's by then. A start that has failed without a process has a number
// below 0, and nothing is sent.
func SignalGroup(pid int, sig syscall.Signal) {
	if pid > 0 && unix.Kill(-pid, sig) == unix.ESRCH {
		unix.Kill(pid, sig)
	}
}

// How says in words how a process ended.
func How(w syscall.WaitStatus) string {
	switch {
	case w.Signaled() && w.Signal() == syscall.SIGKILL:
		return "killed by SIGKILL" // its name in words is "killed"
	case w.Signaled():
		return "killed by " + w.Signal().String()
	}
	return "exit status " + strconv.Itoa(w.ExitStatus())
}

// Crash reports whether a server of one client that died of sig has crashed. The other
// signals are part of its ordinary life: SIGPIPE and SIGHUP mean that the client has
// gone.
func Crash(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGALRM:
		return false
	}
	return true
}
