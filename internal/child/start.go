package child

import (
	"bytes"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slot is the memory that a child works from between clone and exec, its stack
// included. It lies outside Go's heap.
type slot struct {
	busy  uint32 // 1 from the clone until the kernel clears it at exec or exit
	done  uint32 // calls that have succeeded
	errno uint32 // of the call that failed
	wake  uint64 // eventfd to write one to after a failure
	one   uint64
	calls [maxCalls]call
	stack [stackSize]byte // for the kernel's sake: the child pushes nothing
}

const (
	maxCalls  = 24
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

// start is one use of a slot. It keeps what the child reads reachable.
type start struct {
	slot     *slot
	prog     *Program
	way      *way // of prog
	env      []byte
	envp     []*byte
	fd       int // to be closed when the child has its copy; -1: none
	pid      int
	reported bool // its failure has been returned by Reap
}

// take returns a free slot, mapping more when children hang before their exec.
func (s *Starter) take() (*start, error) {
	if len(s.free) == 0 {
		mem, err := unix.Mmap(-1, 0, chunk*int(unsafe.Sizeof(slot{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return nil, err
		}
		slots := unsafe.Slice((*slot)(unsafe.Pointer(&mem[0])), chunk)
		for i := range slots {
			slots[i].wake, slots[i].one = uint64(s.wake), 1
			s.free = append(s.free, &start{slot: &slots[i], fd: -1})
		}
	}
	n := len(s.free) - 1
	st := s.free[n]
	s.free = s.free[:n]
	return st, nil
}

// recycle takes back the slot of a child that no longer uses it.
func (s *Starter) recycle(st *start) {
	st.release()
	st.prog, st.way = nil, nil
	s.free = append(s.free, st)
}

// load writes into the slot what the child is to do.
func (st *start) load(p *Program, fd int, extra []byte, m mode) {
	st.prog, st.way, st.reported = p, &p.ways[m], false
	k := st.slot
	k.busy, k.done, k.errno = 1, 0, 0
	n := copy(k.calls[:], st.way.calls)
	if m == shared {
		k.calls[callWake].args[0] = address(&k.done)
	}
	for i := range 3 {
		k.calls[st.way.dup+i].args[0] = uintptr(fd)
	}
	env := st.environment(p, extra)
	exec := n - 1
	if p.Listen {
		exec += copy(k.calls[exec:], listenCalls[:])
		k.calls[exec-1].args[2] = address(&st.env[len(extra)+len(pidName)])
	}
	k.calls[exec] = call{unix.SYS_EXECVE, [6]uintptr{address(p.path), address(&p.argv[0]), env}}
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

// clone makes the process.
func (st *start) clone(m mode) error {
	k := st.slot
	args := cloneArgs{
		// CLONE_CLEAR_SIGHAND: the handlers are Go's and would run in the child.
		flags:      unix.CLONE_VM | unix.CLONE_CHILD_CLEARTID | cloneClearSighand,
		childTid:   uint64(address(&k.busy)),
		exitSignal: uint64(syscall.SIGCHLD),
		stack:      uint64(address(&k.stack)),
		stackSize:  stackSize,
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

// finished reports whether the slot is free again and there is no failure left
// to report.
func (st *start) finished() bool {
	return atomic.LoadUint32(&st.slot.busy) == 0 && !st.failed()
}

func (st *start) failed() bool { return atomic.LoadUint32(&st.slot.errno) != 0 }

// release closes the daemon's copy of the child's descriptor.
func (st *start) release() {
	if st.fd >= 0 {
		unix.Close(st.fd)
		st.fd = -1
	}
}

// failure returns the failure of the start, once.
func (st *start) failure() (Status, bool) {
	if st.reported || !st.failed() {
		return Status{}, false
	}
	st.reported = true
	stage := st.prog.stage(st.way, int(st.slot.done))
	return Status{Pid: st.pid, Wait: notRun, Stage: stage, Errno: syscall.Errno(st.slot.errno)}, true
}

// notRun is exit status 127, the shell's for a command that cannot be run.
const notRun = syscall.WaitStatus(127 << 8)
