package child

import (
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strconv"

	"inetd/internal/child/nofile"

	"golang.org/x/sys/unix"
)

// Setup is what a server is given besides its identity and environment. Each part is a
// system call, or a few, between the clone and the exec; the zero Setup takes none.
type Setup struct {
	Limits []Limit // resource limits, in order

	Nice       int   // added to the daemon's nice value, within the kernel's -20 to 19
	IOPriority int   // class<<13 | level, as ioprio_set(2) takes it; 0: the daemon's
	CPUs       []int // those it may run on; none: the daemon's

	HasUmask bool
	Umask    uint32

	Root      string // chroot(2); "": none. The program's path is seen from there
	Directory string // chdir(2), after the chroot; "": "/" after one, and the daemon's otherwise

	HasOOMScore bool
	OOMScore    int // oom_score_adj, -1000 to 1000

	Stderr string // a file that its standard error is appended to, opened as its user; "": where its standard output is

	NoNewPrivs   bool   // no setuid program and no file capability gives more privileges
	Capabilities uint64 // one bit for each capability kept by a server that is not root
}

// Limit is a limit on a resource, such as unix.RLIMIT_AS.
type Limit struct {
	Resource   int
	Soft, Hard uint64 // Unlimited: none
}

// Unlimited stands for no limit (RLIM_INFINITY).
const Unlimited = ^uint64(0)

var (
	errNoSetup = errors.New("this kernel has no clone3, and without it a server can be given nothing but its identity and environment")
	errRoot    = errors.New("capabilities are kept for a server that is not root, which has all")
)

// setup adds the calls that may need the daemon's privileges, in an order in which none
// takes away what a later one needs.
func (sc *script) setup(u *Setup) error {
	if u.HasOOMScore {
		sc.oomScore(u.OOMScore)
	}
	if u.Nice != 0 {
		sc.add(Nice, unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(niceValue(u.Nice)))
	}
	if u.IOPriority != 0 {
		const process = 1 // IOPRIO_WHO_PROCESS
		sc.add(IOPriority, unix.SYS_IOPRIO_SET, process, 0, uintptr(u.IOPriority))
	}
	if len(u.CPUs) > 0 {
		if err := sc.affinity(u.CPUs); err != nil {
			return err
		}
	}
	if err := sc.place(u); err != nil {
		return err
	}
	if u.HasUmask {
		sc.add(Umask, unix.SYS_UMASK, uintptr(u.Umask))
	}
	sc.limits(u.Limits)
	return nil
}

var procOOMScore = []byte("/proc/self/oom_score_adj\x00")

// oomScore sets how readily the kernel kills the server when memory is short. It comes
// before chroot, after which there may be no /proc.
func (sc *script) oomScore(score int) {
	const file = 3 // the lowest number that is free
	text := strconv.AppendInt(nil, int64(score), 10)
	sc.keep(&text[0])
	sc.add(OOMScore, unix.SYS_OPENAT, ^uintptr(0), address(&procOOMScore[0]), unix.O_WRONLY) // the path is absolute
	sc.add(OOMScore, unix.SYS_WRITE, file, address(&text[0]), uintptr(len(text)))
	sc.add(OOMScore, unix.SYS_CLOSE, file)
}

// niceValue returns the daemon's nice value plus add, within the kernel's range.
func niceValue(add int) int {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		own = 20
	}
	return max(-20, min(19, 20-own+add)) // getpriority(2): the kernel answers 20 minus the value
}

func (sc *script) affinity(cpus []int) error {
	set := new(unix.CPUSet)
	for _, n := range cpus {
		if set.Set(n); n < 0 || !set.IsSet(n) {
			return fmt.Errorf("there can be no CPU %d", n)
		}
	}
	sc.keep(set)
	sc.add(CPUs, unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(set))*bits.UintSize/8, address(set))
	return nil
}

// place changes the root and the working directory.
func (sc *script) place(u *Setup) error {
	dir := u.Directory
	if u.Root != "" {
		if err := sc.path(Root, unix.SYS_CHROOT, u.Root); err != nil {
			return err
		}
		if dir == "" {
			dir = "/" // else the working directory would be outside
		}
	}
	if dir == "" {
		return nil
	}
	return sc.path(Directory, unix.SYS_CHDIR, dir)
}

// path adds a call whose only argument is a path.
func (sc *script) path(stage Stage, nr uintptr, path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return fmt.Errorf("%s %q: %w", stage, path, err)
	}
	sc.keep(p)
	sc.add(stage, nr, address(p))
	return nil
}

// limits sets resource limits, last of what may need the daemon's privileges.
func (sc *script) limits(list []Limit) {
	for _, l := range list {
		r := &nofile.Limit{Soft: l.Soft, Hard: l.Hard}
		sc.keep(r)
		sc.add(Limits, unix.SYS_PRLIMIT64, 0, uintptr(l.Resource), address(r), 0)
	}
}

// openFiles restores the limit on open files that package syscall has raised, unless list
// sets it.
func (sc *script) openFiles(list []Limit) {
	isNofile := func(l Limit) bool { return l.Resource == unix.RLIMIT_NOFILE }
	if l := &nofile.AtStart; l.Soft != l.Hard && !slices.ContainsFunc(list, isNofile) {
		sc.add(Limits, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, address(l), 0)
	}
}

// capabilities keeps capabilities through setuid and the exec. A process that gives up
// being root loses all but, with PR_SET_KEEPCAPS, the permitted ones; one that is not
// root loses at an exec all but the ambient ones (capabilities(7)).
func (sc *script) capabilities(mask uint64) {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := new([2]unix.CapUserData)
	for i := range data {
		half := uint32(mask >> (32 * i))
		data[i] = unix.CapUserData{Effective: half, Permitted: half, Inheritable: half}
	}
	sc.keep(header)
	sc.keep(data)
	sc.add(Capabilities, unix.SYS_CAPSET, address(header), address(data))
	for rest := mask; rest != 0; rest &= rest - 1 {
		sc.add(Capabilities, unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(bits.TrailingZeros64(rest)), 0, 0)
	}
}

// identity gives up the daemon's identity but for the capabilities that u keeps.
func (sc *script) identity(c *Credential, u *Setup) error {
	if u.Capabilities != 0 && (c == nil || c.UID == 0) {
		return errRoot
	}
	if u.Capabilities != 0 {
		sc.add(Capabilities, unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	}
	if c != nil {
		sc.credential(c)
	}
	if u.Capabilities != 0 {
		sc.capabilities(u.Capabilities)
	}
	if u.NoNewPrivs {
		sc.add(NoNewPrivs, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	return nil
}

// none reports whether u asks for nothing.
func (u *Setup) none() bool { return reflect.ValueOf(u).Elem().IsZero() }
