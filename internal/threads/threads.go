// Package threads has Go's runtime make its threads while there is room for
// them. The runtime ends the program when it needs a thread and gets none, as
// happens when the program's children have used up a limit of processes:
// RLIMIT_NPROC, pids.max of a control group, or TasksMax of systemd. In goes the
// room there is; out comes a program that has the threads it will need.
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
	// maxProcs bounds how many goroutines run at once, and with it the threads.
	// A daemon that starts others' programs has no use for more.
	maxProcs = 2

	// besides is how many threads there may be that run no goroutine: Go's
	// monitor, its two for signals and one that only starts threads; those that
	// wait in the kernel for events of the loop and of connections; and those
	// that have been interrupted within a system call, or wait for a file.
	besides = 10

	// children is how many processes are left to servers in any case.
	children = 2
)

// Reserve makes threads until there are as many as the runtime will need, or as
// the limits of processes allow when servers are left a few. room counts the
// processes that can be made now, up to a number. Reserve returns how many are
// left to servers, and whether there was enough for all. Threads last as long
// as the program.
func Reserve(room func(most int) int) (left int, enough bool) {
	have := count() // first: threads that are made meanwhile are not in the room
	total := have + room(maxProcs+besides+children)
	procs := min(runtime.GOMAXPROCS(0), maxProcs)
	enough = total >= procs+besides+children
	if !enough {
		procs = 1
	}
	runtime.GOMAXPROCS(procs) // also keeps the runtime from following changes of the machine
	grow(min(total-children, procs+besides))
	return max(0, total-count()), enough
}

// count is the number of threads of the process: each is a directory, and so a
// link to the one that they are in.
func count() int {
	var st unix.Stat_t
	if unix.Stat("/proc/self/task", &st) != nil {
		return 0
	}
	return int(st.Nlink) - 2
}

// grow has more and more goroutines wait in the kernel, each of which takes a
// thread there, until there are total threads. That locks no goroutine to a
// thread, for which the runtime would make one more.
func grow(total int) {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	defer r.Close()
	fd := int(r.Fd()) // blocks from now on
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
