package child

import (
	"bytes"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slot is the memory that a child works from between clone and exec, its stack included.
// It lies outside Go's heap in a shared mapping, so that a child with memory of its own
// reports through it as well.
type slot struct {
	busy  uint32 // 1 from the clone until the kernel clears it at exec or exit, or else until the child is reaped
	done  uint32 // calls that have succeeded
	errno uint32 // of the call that failed
	wake  uint64 // eventfd to write one to after a failure
	one   uint64
	calls uint64          // address of the first call
	stack [stackSize]byte // for the kernel's sake: the child pushes nothing
}

const (
	stackSize = 1024
	chunk     = 32 // slots mapped at a time
)

// cloneArgs is struct clone_args of clone3(2), as of Linux 5.5.
type cloneArgs struct {
	flags      uint64
	_          uint64 // pidfd
	childTid   uint64
	_          uint64 // parent_tid
	exitSignal uint64
	stack      uint64
	stackSize  uint64
	_          [4]uint64 // tls, set_tid, set_tid_size, cgroup
}

// start is one use of a slot. It keeps reachable what the child reads.
type start struct {
	slot     *slot
	prog     *Program
	script   *script // of prog
	calls    []call
	env      []byte
	envp     []*byte
	fds      [2]int // to be closed when the child has its copies; -1: none
	stderr   bool   // the child has a standard error of its own
	pid      int
	reported bool // its failure has been returned by Reap
}

// take returns a free slot. It maps more when none is free, as when children hang before
// their exec.
func (s *Starter) take() (*start, error) {
	if len(s.free) == 0 {
		mem, err := unix.Mmap(-1, 0, chunk*int(unsafe.Sizeof(slot{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON)
		if err != nil {
			return nil, err
		}
		slots := unsafe.Slice((*slot)(unsafe.Pointer(&mem[0])), chunk)
		for i := range slots {
			s.free = append(s.free, &start{slot: &slots[i], fds: none})
		}
	}
	n := len(s.free) - 1
	st := s.free[n]
	s.free = s.free[:n]
	st.slot.wake, st.slot.one = uint64(s.wake), 1 // set here, so that a slot never used takes up no memory
	return st, nil
}

// recycle takes back the slot of a child that no longer uses it.
func (s *Starter) recycle(st *start) {
	st.release()
	st.prog, st.script = nil, nil
	s.free = append(s.free, st)
}

// load prepares what the child is to do.
func (st *start) load(p *Program, fd, stderr int, extra []byte, m mode) {
	st.prog, st.script, st.reported, st.stderr = p, &p.scripts[m], false, stderr >= 0 || p.scripts[m].stderr
	k := st.slot
	k.busy, k.done, k.errno = 1, 0, 0
	last := len(st.script.calls) - 1
	st.calls = append(st.calls[:0], st.script.calls[:last]...)
	if m == shared {
		st.calls[callWake].args[0] = address(&k.done)
	}
	for i := range 3 {
		st.calls[st.script.dup+i].args[0] = uintptr(fd)
	}
	if stderr >= 0 {
		st.calls[st.script.dup+2].args[0] = uintptr(stderr)
	}
	envp := st.environment(p, extra)
	if p.Listen {
		st.calls = append(st.calls, listenCalls[:]...)
		st.calls[len(st.calls)-1].args[2] = address(&st.env[len(extra)+len(pidName)])
		if st.stderr {
			st.calls[last+nullStderr] = st.calls[last+nullStdout] // again, in place of the call that would replace descriptor 2
		}
	}
	st.calls = append(st.calls, call{unix.SYS_EXECVE, [6]uintptr{address(p.path), address(&p.argv[0]), envp}})
	k.calls = uint64(address(&st.calls[0]))
}

// environment returns the address of p's environment followed by extra.
func (st *start) environment(p *Program, extra []byte) uintptr {
	st.env = append(st.env[:0], extra...)
	if p.Listen {
		st.env = append(st.env, pidVar...)
	}
	st.envp = append(st.envp[:0], p.env...)
	for rest := st.env[:len(extra)]; len(rest) > 0; {
		st.envp = append(st.envp, &rest[0])
		rest = rest[bytes.IndexByte(rest, 0)+1:]
	}
	if p.Listen {
		st.envp = append(st.envp, &st.env[len(extra)])
	}
	st.envp = append(st.envp, nil)
	return address(&st.envp[0])
}

// clone makes the process. It shares the daemon's memory until its exec, or with own has
// a copy, which takes longer. A child with an oom_score_adj needs a copy, because the
// kernel sets that of all processes that share the memory.
func (st *start) clone(m mode, own bool) error {
	k := st.slot
	args := cloneArgs{
		// CLONE_CLEAR_SIGHAND: the handlers are Go's and would run in the child.
		flags:      unix.CLONE_CHILD_CLEARTID | cloneClearSighand,
		childTid:   uint64(address(&k.busy)),
		exitSignal: uint64(syscall.SIGCHLD),
		stack:      uint64(address(&k.stack)),
		stackSize:  stackSize,
	}
	if !own {
		args.flags |= unix.CLONE_VM
	}
	if m == shared {
		args.flags |= unix.CLONE_FILES
	}
	pid := spawn(&args, k)
	if pid < 0 {
		return syscall.Errno(-pid)
	}
	st.pid = pid
	return nil
}

const cloneClearSighand = 0x100000000

// copied reports whether the child has a descriptor table of its own, waiting
// up to the given time for it.
func (st *start) copied(wait time.Duration) bool {
	k := st.slot
	if wait > 0 && atomic.LoadUint32(&k.done) == 0 && !st.failed() {
		ts := unix.NsecToTimespec(wait.Nanoseconds())
		const waitPrivate = 0 | 128 // FUTEX_WAIT | FUTEX_PRIVATE_FLAG
		unix.Syscall6(unix.SYS_FUTEX, address(&k.done), waitPrivate, 0, address(&ts), 0, 0)
	}
	return atomic.LoadUint32(&k.done) > 0 || atomic.LoadUint32(&k.busy) == 0
}

// finished reports whether the child no longer uses the slot. A start that failed keeps
// it until the child is reaped.
func (st *start) finished() bool {
	return atomic.LoadUint32(&st.slot.busy) == 0 && !st.failed()
}

func (st *start) failed() bool { return atomic.LoadUint32(&st.slot.errno) != 0 }

// none is the fds of a start that holds no descriptors any more.
var none = [2]int{-1, -1}

// holds reports whether the daemon has still to close its copies of the descriptors.
func (st *start) holds() bool { return st.fds != none }

// release closes the daemon's copies of the child's descriptors.
func (st *start) release() {
	for _, fd := range st.fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	st.fds = none
}

// failure returns the failure of the start, but only once.
func (st *start) failure() (Status, bool) {
	if st.reported || !st.failed() {
		return Status{}, false
	}
	st.reported = true
	stage := st.prog.stage(st.script, int(st.slot.done))
	return Status{Pid: st.pid, Wait: notRun, Stage: stage, Errno: syscall.Errno(st.slot.errno)}, true
}

// notRun is exit status 127, the shell's for a command that cannot be run.
const notRun = syscall.WaitStatus(127 << 8)
