package child

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// New returns a Starter. It uses clone3 where the kernel has all that this takes (Linux
// 5.11) and no seccomp filter refuses it. Descriptors opened before stay as they are;
// they should be close-on-exec.
func New() (*Starter, error) {
	wake, err := eventfd()
	if err != nil {
		return nil, err
	}
	s := &Starter{wake: wake, busy: make([]*start, 0, chunk)}
	// Go's handler would run for every child and do nothing, and if SIGCHLD
	// is ignored the kernel throws the exit statuses away.
	DefaultSignal(syscall.SIGCHLD)
	s.fork = !s.works()
	return s, nil
}

// Clones reports whether the kernel has clone3 and no filter refuses it. It starts
// nothing: clone3 answers EINVAL because there are no arguments.
func Clones() bool {
	_, _, e := syscall.RawSyscall(unix.SYS_CLONE3, 0, 0, 0)
	return e == syscall.EINVAL && hasStub
}

// Close closes the wake descriptor. Children go on.
func (s *Starter) Close() error { return unix.Close(s.wake) }

// tableSize is the number of descriptors that a process has room for without
// another allocation by the kernel (NR_OPEN_DEFAULT).
const tableSize = 64

// eventfd opens a non-blocking eventfd at the highest free number below
// tableSize, so that all that is copied for a child lies below it.
func eventfd() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, err
	}
	for want := tableSize - 1; want > fd; want-- {
		high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, want)
		if err != nil {
			break
		}
		if high == want {
			unix.Close(fd)
			return high, nil
		}
		unix.Close(high)
	}
	return fd, nil
}

// works tries out clone3. Its child unshares its descriptor table and exits.
func (s *Starter) works() bool {
	st, err := s.take()
	if err != nil {
		return false
	}
	var sc script
	sc.add(Descriptors, unix.SYS_CLOSE_RANGE, uintptr(s.wake+1), lastDescriptor, unix.CLOSE_RANGE_UNSHARE)
	sc.add(Exec, unix.SYS_EXIT_GROUP, 0)
	st.slot.busy = 1
	st.slot.calls = uint64(address(&sc.calls[0]))
	err = st.clone(shared, false)
	s.free = append(s.free, st)
	if err == unix.EAGAIN || err == unix.ENOMEM { // clone3 exists, but there is no room for a process
		return unix.CloseRange(lastDescriptor, lastDescriptor, unix.CLOSE_RANGE_CLOEXEC) == nil // Linux 5.11 too
	}
	if err != nil {
		return false
	}
	ws, err := reap(st.pid)
	runtime.KeepAlive(sc.calls)
	return err == nil && ws.ExitStatus() == 0
}
