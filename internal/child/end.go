package child

import (
	"strconv"
	"syscall"
)

// How is the end of a process in words.
func How(w syscall.WaitStatus) string {
	if w.Signaled() {
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
