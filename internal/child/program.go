package child

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Credential is the exact identity of a child: these groups and no others.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Profile is what servers have in common: identity, environment and Setup, and so the
// system calls that lead to their exec. Thousands of services share a few Profiles.
type Profile struct {
	cred    *Credential // nil: as the daemon
	env     []*byte     // without a terminating nil
	own     bool        // children have a copy of the daemon's memory, see clone
	scripts [modes]script
}

// Program is a server program made ready: its path and arguments as C wants
// them. It serves any number of starts and is not changed by them.
type Program struct {
	*Profile

	// Listen says that the server expects its socket as systemd passes it: as descriptor
	// 3, 0 to 2 being /dev/null, with LISTEN_PID in the environment. The other variables
	// of sd_listen_fds(3) are the caller's to add. Only a Starter with Clone can start
	// such a server.
	Listen bool

	// Server is the path of the server, if the program only runs another one
	// (pty.Command).
	Server string

	path *byte
	argv []*byte // with the terminating nil
}

// call is one system call of a child before its exec.
type call struct {
	nr   uintptr
	args [6]uintptr
}

// script is the system calls of a child from the clone to its exec.
type script struct {
	dup    int  // index of the calls that make its socket descriptor 0, 1 and 2
	stderr bool // a later call replaces descriptor 2
	calls  []call
	stages []Stage // of each call
	kept   []any   // what the calls point to
}

// mode says what is in the descriptor table of a new child.
type mode uint8

const (
	low    mode = iota // a copy of the daemon's, with nothing above wake
	high               // a copy, with descriptors above wake
	shared             // the daemon's own
	modes
)

// callWake is the index of the call in shared mode that tells the daemon that the child
// has a table of its own.
const callWake = 1

// Profile makes a Profile for children of s. env holds NAME=VALUE strings, cred is their
// identity (nil: the daemon's), and u what else they are given. An error says that a
// string holds a NUL byte, or what of u cannot be given here. Any goroutine may call it.
func (s *Starter) Profile(env []string, cred *Credential, u Setup) (*Profile, error) {
	ptrs, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return nil, err
	}
	if s.fork && !u.none() {
		return nil, errNoSetup
	}
	p := &Profile{cred: cred, env: ptrs[:len(env)], own: u.HasOOMScore}
	for m := range modes {
		if p.scripts[m], err = newScript(m, s.wake, cred, &u); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func newScript(m mode, wake int, cred *Credential, u *Setup) (sc script, err error) {
	sc.descriptors(m, wake)
	sc.add(Session, unix.SYS_SETSID)
	if u.Stderr == os.DevNull {
		err = sc.stderrFile(u.Stderr) // before chroot: the new root may have none
	}
	err = errors.Join(err, sc.setup(u), sc.identity(cred, u))
	if u.Stderr != "" && u.Stderr != os.DevNull {
		err = errors.Join(err, sc.stderrFile(u.Stderr))
	}
	if err != nil {
		return sc, err
	}
	sc.openFiles(u.Limits)
	sc.add(Exec, unix.SYS_EXECVE)
	return sc, nil
}

// Program makes a Program of an absolute path, or one relative to the daemon's directory,
// and arguments, argv[0] included. An error says that a string holds a NUL byte.
func (p *Profile) Program(path string, argv []string) (*Program, error) {
	g := &Program{Profile: p}
	var err error
	if g.path, err = unix.BytePtrFromString(path); err != nil {
		return nil, err
	}
	g.argv, err = syscall.SlicePtrFromStrings(argv)
	return g, err
}

// Credential returns the identity of the program; nil is the daemon's. The caller must
// not change it.
func (g *Program) Credential() *Credential { return g.cred }

// Path returns the path of the server: Server, or else the program's own.
func (g *Program) Path() string {
	if g.Server != "" {
		return g.Server
	}
	return unix.BytePtrToString(g.path)
}

// Argv returns the arguments, argv[0] included.
func (g *Program) Argv() []string { return goStrings(g.argv[:len(g.argv)-1]) }

func goStrings(ptrs []*byte) []string {
	s := make([]string, len(ptrs))
	for i, p := range ptrs {
		s[i] = unix.BytePtrToString(p)
	}
	return s
}

const lastDescriptor = 1<<32 - 1

// descriptors leaves the child with its socket as 0, 1 and 2, and with wake,
// which closes at exec. Close-on-exec alone would not do: a child that hangs
// before its exec would hold other clients' connections open.
func (sc *script) descriptors(m mode, wake int) {
	above := uintptr(wake + 1)
	if m == shared {
		sc.add(Descriptors, unix.SYS_CLOSE_RANGE, above, lastDescriptor, unix.CLOSE_RANGE_UNSHARE)
		sc.add(Descriptors, unix.SYS_FUTEX, 0, futexWakePrivate, 1)
	}
	sc.dup = len(sc.calls)
	sc.add(Descriptors, unix.SYS_DUP3, 0, 0)
	sc.add(Descriptors, unix.SYS_DUP3, 0, 1)
	sc.add(Descriptors, unix.SYS_DUP3, 0, 2)
	sc.add(Descriptors, unix.SYS_CLOSE_RANGE, 3, uintptr(wake-1), 0)
	if m == high {
		sc.add(Descriptors, unix.SYS_CLOSE_RANGE, above, lastDescriptor, 0)
	}
}

// credential sets groups and user, groups first: after setuid the child could not.
func (sc *script) credential(c *Credential) {
	sc.add(Groups, unix.SYS_SETGROUPS, uintptr(len(c.Groups)), address(unsafe.SliceData(c.Groups)))
	sc.add(Group, unix.SYS_SETGID, uintptr(c.GID))
	sc.add(User, unix.SYS_SETUID, uintptr(c.UID))
}

func (sc *script) add(stage Stage, nr uintptr, args ...uintptr) {
	c := call{nr: nr}
	copy(c.args[:], args)
	sc.calls = append(sc.calls, c)
	sc.stages = append(sc.stages, stage)
}

// keep keeps p, to which a call points, reachable for as long as the script.
func (sc *script) keep(p any) { sc.kept = append(sc.kept, p) }

// address is a pointer as a system call takes it. Whoever stores it keeps what
// it points to reachable, and Go does not move what is on its heap.
func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

const futexWakePrivate = 1 | 128 // FUTEX_WAKE | FUTEX_PRIVATE_FLAG: the child shares the daemon's memory
