package child

import (
	"syscall"
	"unsafe"

	"inetd/internal/child/nofile"

	"golang.org/x/sys/unix"
)

// Command says what to run and as whom.
type Command struct {
	Path string      // of the program; relative ones are seen from the daemon's directory
	Argv []string    // argv[0] included
	Env  []string    // NAME=VALUE
	Cred *Credential // nil: as the daemon
}

// Credential is the exact identity of a child: these groups and no others.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Program is a command made ready: its strings as C wants them and the system
// calls that lead to its exec. It serves any number of starts and is not
// changed by them.
type Program struct {
	cmd    Command
	path   *byte
	argv   []*byte
	env    []*byte // without the terminating nil
	calls  []call
	stages []Stage // of each call
}

// call is one system call of a child before its exec.
type call struct {
	nr   uintptr
	args [6]uintptr
}

// The calls of a Program that a start fills in.
const (
	callUnshare = iota // only in a start that shares the descriptor table
	callWake           // likewise: tells the daemon that the table is unshared
	callDup0
	callDup1
	callDup2
	callPlain = callDup0 // the first call of a start with a table of its own
)

// Prepare makes a Program of a command for children of s. Its error says which
// string holds a NUL byte.
func (s *Starter) Prepare(c Command) (*Program, error) {
	p := &Program{cmd: c}
	var err error
	if p.path, err = unix.BytePtrFromString(c.Path); err != nil {
		return nil, err
	}
	if p.argv, err = syscall.SlicePtrFromStrings(c.Argv); err != nil {
		return nil, err
	}
	if p.env, err = syscall.SlicePtrFromStrings(c.Env); err != nil {
		return nil, err
	}
	p.env = p.env[:len(c.Env)]
	p.descriptors(s.wake)
	p.add(Session, unix.SYS_SETSID)
	p.credential(c.Cred)
	if l := &nofile.AtStart; l.Hard != 0 {
		p.add(Limits, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(l), 0)
	}
	p.add(Exec, unix.SYS_EXECVE, address(p.path), address(&p.argv[0]))
	return p, nil
}

// descriptors leaves the child with its socket as 0, 1 and 2, and with wake,
// which closes at exec. Close-on-exec alone would not do: a child that hangs
// before its exec would hold other clients' connections open.
func (p *Program) descriptors(wake int) {
	high := uintptr(wake + 1)
	p.add(Descriptors, unix.SYS_CLOSE_RANGE, high, ^uintptr(0)>>32, unix.CLOSE_RANGE_UNSHARE)
	p.add(Descriptors, unix.SYS_FUTEX, 0, futexWakePrivate, 1)
	p.add(Descriptors, unix.SYS_DUP3, 0, 0)
	p.add(Descriptors, unix.SYS_DUP3, 0, 1)
	p.add(Descriptors, unix.SYS_DUP3, 0, 2)
	p.add(Descriptors, unix.SYS_CLOSE_RANGE, 3, uintptr(wake-1), 0)
	p.add(Descriptors, unix.SYS_CLOSE_RANGE, high, ^uintptr(0)>>32, 0)
}

// credential gives up the daemon's identity, groups first: after setuid the
// child could not.
func (p *Program) credential(c *Credential) {
	if c == nil {
		return
	}
	p.add(Groups, unix.SYS_SETGROUPS, uintptr(len(c.Groups)), address(unsafe.SliceData(c.Groups)))
	p.add(Group, unix.SYS_SETGID, uintptr(c.GID))
	p.add(User, unix.SYS_SETUID, uintptr(c.UID))
}

func (p *Program) add(stage Stage, nr uintptr, args ...uintptr) {
	c := call{nr: nr}
	copy(c.args[:], args)
	p.calls = append(p.calls, c)
	p.stages = append(p.stages, stage)
}

// address is a pointer as a system call takes it. The Program keeps what it
// points to reachable, and Go does not move what is on its heap.
func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

const futexWakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG: the child shares the daemon's memory
