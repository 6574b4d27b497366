package child

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// FreshSignals makes sure that the process neither blocks nor ignores a signal,
// because servers would inherit that (a daemon started under nohup would run
// servers that ignore SIGHUP). If it does, the process executes itself again
// with all signals at their defaults: neither can be undone for threads that
// Go's runtime has started already. It must be called before anything else.
func FreshSignals() error {
	if !blocking() && !ignoring() {
		return nil
	}
	runtime.LockOSThread() // the mask is this thread's, and exec keeps it
	var none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil); err != nil {
		return err
	}
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		if ignored(sig) {
			DefaultSignal(sig)
		}
	}
	err := syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	return fmt.Errorf("signals are ignored or blocked, and inetd cannot execute itself to undo that: /proc/self/exe: %w; is /proc mounted?", err)
}

const lastSignal = 64

func blocking() bool {
	var mask unix.Sigset_t
	err := unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	return err == nil && mask != unix.Sigset_t{}
}

func ignoring() bool {
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		if ignored(sig) {
			return true
		}
	}
	return false
}

// sigaction is the kernel's struct. Only the handler matters here, which is its first
// word, or on MIPS its second. The rest is room for the fields of any architecture.
type sigaction [8]uintptr

// The index of the handler in sigaction, and the size in bytes of its set of signals.
var handlerWord, sigsetSize = signalLayout()

func signalLayout() (word int, setSize uintptr) {
	if strings.HasPrefix(runtime.GOARCH, "mips") {
		return 1, 16
	}
	return 0, 8
}

const sigIgn = 1

func ignored(sig syscall.Signal) bool {
	var sa sigaction
	_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, address(&sa), sigsetSize, 0, 0)
	return e == 0 && sa[handlerWord] == sigIgn
}

// IgnoreSignals has the kernel discard signals, also across an exec: they would otherwise
// end the new program before it has set its handlers. restore undoes it. Go's runtime is
// not told.
func IgnoreSignals(list ...syscall.Signal) (restore func()) {
	before := make([]sigaction, len(list))
	for i, sig := range list {
		ignore := sigaction{}
		ignore[handlerWord] = sigIgn
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), address(&ignore), address(&before[i]), sigsetSize, 0, 0)
	}
	return func() {
		for i, sig := range list {
			unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), address(&before[i]), 0, sigsetSize, 0, 0)
		}
	}
}

// DefaultSignal sets the kernel's default action for a signal. It bypasses os/signal,
// which leaves Go's handler in place.
func DefaultSignal(sig syscall.Signal) {
	var sa sigaction
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), address(&sa), 0, sigsetSize, 0, 0)
}
