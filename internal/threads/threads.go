// Package threads makes Go's runtime create its threads in advance, while there is room.
// The runtime aborts the program when it needs a thread and gets none, which happens when
// the program's children have used up a limit of processes: RLIMIT_NPROC, pids.max of a
// control group, or TasksMax of systemd. In goes how many processes can be made; out
// comes a program that has the threads it will need.
package threads

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// maxProcs bounds how many goroutines run at once, and so the number of threads.
	// A daemon that starts other programs has no use for more.
	maxProcs = 2

	// besides is how many threads there may be that do not run a goroutine: Go's
	// monitor, its two for signals and one that only starts threads; threads that
	// wait in the kernel for events of the loop and of connections; and threads
	// that are interrupted within a system call, or wait for a file.
	besides = 10

	// children is how many processes are always left for servers.
	children = 2
)

// Reserve makes threads until there are as many as the runtime will need, or fewer if the
// limits of processes would leave too few to servers. room counts the processes that can
// be made now, up to most. Reserve returns how many are left for servers, and whether
// there was enough room for all threads, which last as long as the program.
func Reserve(room func(most int) int) (left int, enough bool) {
	have := count() // before room: a thread that the runtime makes in between must not count twice
	total := have + room(maxProcs+besides+children)
	procs := min(runtime.GOMAXPROCS(0), maxProcs)
	enough = total >= procs+besides+children
	if !enough {
		procs = 1
	}
	runtime.GOMAXPROCS(procs) // also keeps the runtime from adapting to changes of the machine
	grow(min(total-children, procs+besides))
	return max(0, total-count()), enough
}

// count returns the number of threads of the process. Each thread is a directory in
// /proc/self/task, and so adds a link to that.
func count() int {
	var st unix.Stat_t
	if unix.Stat("/proc/self/task", &st) != nil {
		return 0
	}
	return int(st.Nlink) - 2
}

// grow has more and more goroutines wait in a system call, each of which occupies a
// thread, until there are total threads. It does not use runtime.LockOSThread, for which
// the runtime would make one more thread.
func grow(total int) {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	fd := int(r.Fd()) // Fd makes the pipe blocking
	var wait sync.WaitGroup
	var begun atomic.Int32
	for n := int32(1); count() < total && int(n) <= total; n++ {
		wait.Go(func() {
			begun.Add(1)
			syscall.Read(fd, make([]byte, 1))
		})
		for begun.Load() < n {
			runtime.Gosched()
		}
	}
	w.Close()
	wait.Wait()
}
