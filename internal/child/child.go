// Package child turns a command and a socket into a running server. In go a
// Program, prepared once, and the descriptor that becomes the server's
// standard input, output and error; out come a process id at once and, when
// the process has ended, its Status: how it exited, or which stage of its start
// failed and why. It knows nothing of what the socket means.
//
// A server is started by clone3 without waiting for its exec. Until then the
// child shares the daemon's memory and executes an array of prepared system
// calls. Where the kernel refuses that, syscall.ForkExec does it.
//
// A Starter belongs to one goroutine, but any goroutine may call its method Profile.
// Profiles and Programs may be made by any goroutine, and belong to whoever holds them.
package child

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Status is how a child ended. Stage is Run if the server program ran, and
// otherwise the stage of the start that failed, with its errno.
type Status struct {
	Pid   int // as returned by Start
	Wait  syscall.WaitStatus
	Stage Stage
	Errno syscall.Errno
}

// Stage is a step on the way from clone to exec.
type Stage uint8

// The stages in which a start can fail, about in the order of their calls.
const (
	Run Stage = iota // none failed: the server program was executed
	Descriptors
	Session
	OOMScore
	Nice
	IOPriority
	CPUs
	Root
	Directory
	Umask
	Groups
	Group
	User
	Capabilities
	NoNewPrivs
	Limits
	Stderr
	Null
	Self
	Exec
)

var stageNames = [...]string{
	"run", "descriptors", "setsid", "oom_score_adj", "setpriority", "ioprio_set", "sched_setaffinity", "chroot", "chdir", "umask",
	"setgroups", "setgid", "setuid", "capabilities", "no_new_privs", "setrlimit", "stderr", "/dev/null", "/proc/self", "execv",
}

// String returns the stage as logs show it: the name of its system call, or of the file
// that the call is for.
func (s Stage) String() string { return stageNames[s] }

// Starter starts children and reaps them. Only one may exist in a process, because it
// reaps every child of the process.
type Starter struct {
	wake    int
	crowded bool // many descriptors from Floor up are open, see Expect
	above   bool // descriptors above wake may be open
	fork    bool // clone3 is refused here: use syscall.ForkExec
	free    []*start
	busy    []*start
	failed  []Status // starts that ForkExec refused
}

// Clone reports whether children are started by clone3. Otherwise syscall.ForkExec starts
// them, which is slower.
func (s *Starter) Clone() bool { return !s.fork }

// Wake returns an eventfd that becomes readable when a child could not be started. The
// caller may write to it for purposes of its own. It belongs to the Starter.
func (s *Starter) Wake() int { return s.wake }

// Expect says that about n descriptors from Floor up will be open. Above 24 of them,
// children are started without a copy of the descriptor table, which costs a little, and
// saves a lot with thousands.
func (s *Starter) Expect(n int) { s.crowded = n > 24 }

// Floor returns the lowest number for a descriptor that stays open for long, such as a
// listening socket. If Expect was told of many, such descriptors go above Wake, where the
// table copied for a child ends, so that they are never copied.
func (s *Starter) Floor() int {
	if s.crowded {
		return s.wake + 1
	}
	return s.wake/2 + 1
}

// Keep takes over a descriptor that will be open for long, and returns its number from
// then on. Connections on their way to a server need low numbers; when those get scarce,
// Keep moves the descriptor to a number from Floor up.
func (s *Starter) Keep(fd int) int {
	if floor := s.Floor(); fd >= floor/2 && fd < floor {
		if high, err := s.Copy(fd); err == nil {
			unix.Close(fd)
			return high
		} // else no high number is left, and a low one serves as well
	}
	s.Note(fd)
	return fd
}

// Copy returns a close-on-exec copy of a descriptor, with a number from Floor up, that will
// be open for long; 0 with an error. The caller owns it.
func (s *Starter) Copy(fd int) (high int, err error) {
	high, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, s.Floor())
	s.Note(high)
	return max(high, 0), err
}

// Low returns a close-on-exec copy of a descriptor, with the lowest free number that Start
// takes. The caller owns it.
func Low(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

// Note records that a descriptor will be open for long under its present number. If any
// is above Wake, children close what is above Wake themselves: their exec may hang.
func (s *Starter) Note(fd int) { s.above = s.above || fd > s.wake }

// NoStderr, given as stderr, means that a server's standard error is its standard output.
const NoStderr = -1

// Start starts p with fd as its descriptors 0, 1 and 2, unless stderr is another
// descriptor for 2. extra, a list of NUL-terminated NAME=VALUE strings, follows p's own
// environment. Start takes over both descriptors, which must be above 2, and closes them
// as soon as the child has its copies. An error means that no process could be made; the
// descriptors then stay the caller's. Failures of the child itself come from Reap.
func (s *Starter) Start(p *Program, fd, stderr int, extra []byte) (pid int, err error) {
	if s.fork {
		return s.forkExec(p, fd, stderr, extra)
	}
	m := s.copying()
	if s.crowded && !p.own && max(fd, stderr) < s.wake {
		m = shared
	}
	st, err := s.clone(p, fd, stderr, extra, m)
	if err != nil {
		return 0, err
	}
	st.fds = [2]int{fd, stderr}
	if m != shared {
		st.release()
	}
	return st.pid, nil
}

// Lend is like Start, but fd stays the caller's. It takes over stderr.
func (s *Starter) Lend(p *Program, fd, stderr int, extra []byte) (pid int, err error) {
	if s.fork || s.crowded {
		if fd, err = Low(fd); err != nil {
			return 0, os.NewSyscallError("fcntl", err)
		}
		if pid, err = s.Start(p, fd, stderr, extra); err != nil {
			unix.Close(fd)
		}
		return pid, err
	}
	st, err := s.clone(p, fd, stderr, extra, s.copying())
	if err != nil {
		return 0, err
	}
	st.fds[1] = stderr
	st.release()
	return st.pid, nil
}

// copying returns the mode of a start that copies the descriptor table.
func (s *Starter) copying() mode {
	if s.above {
		return high
	}
	return low
}

// clone makes a child, which is busy until its exec.
func (s *Starter) clone(p *Program, fd, stderr int, extra []byte, m mode) (*start, error) {
	st, err := s.take()
	if err != nil {
		return nil, err
	}
	st.load(p, fd, stderr, extra, m)
	if err := st.clone(m, p.own); err != nil {
		s.free = append(s.free, st)
		return nil, err
	}
	s.busy = append(s.busy, st)
	return st, nil
}

// Starting reports whether children may be on their way to their exec.
func (s *Starter) Starting() bool { return len(s.busy) > 0 }

// Settle closes the descriptors that children have copied by now, and takes back the
// slots of those that have executed their program. With a wait above 0 it waits up to
// that long for each child to copy its own. It reports whether any child has still to do
// so; the caller then calls again soon.
func (s *Starter) Settle(wait time.Duration) (pending bool) {
	busy := s.busy[:0]
	for _, st := range s.busy {
		if st.holds() && st.copied(wait) {
			st.release()
		}
		if st.finished() {
			s.recycle(st)
			continue
		}
		pending = pending || st.holds()
		busy = append(busy, st)
	}
	s.busy = busy
	return pending
}

// Reap returns the status of the next child that has ended or could not be started, and
// false if there is none. It does not block.
func (s *Starter) Reap() (Status, bool) {
	if n := len(s.failed); n > 0 {
		f := s.failed[n-1]
		s.failed = s.failed[:n-1]
		return f, true
	}
	for _, st := range s.busy {
		if f, ok := st.failure(); ok {
			return f, true
		}
	}
	for {
		var ws uint32
		// RawSyscall6: the call does not block. With WNOHANG it is not interrupted either.
		pid, _, e := unix.RawSyscall6(unix.SYS_WAIT4, anyChild, uintptr(unsafe.Pointer(&ws)), unix.WNOHANG, 0, 0, 0)
		if e != 0 || pid == 0 {
			return Status{}, false
		}
		if st, fresh := s.ended(int(pid), syscall.WaitStatus(ws)); fresh {
			return st, true
		}
	}
}

const anyChild = ^uintptr(0) // -1

// ended makes the status of a reaped child; fresh is false if its failure has
// been reported already.
func (s *Starter) ended(pid int, ws syscall.WaitStatus) (_ Status, fresh bool) {
	i := slices.IndexFunc(s.busy, func(st *start) bool { return st.pid == pid })
	if i < 0 {
		return Status{Pid: pid, Wait: ws}, true
	}
	st := s.busy[i]
	s.busy = slices.Delete(s.busy, i, i+1)
	defer s.recycle(st)
	if st.failed() {
		return st.failure()
	}
	return Status{Pid: pid, Wait: ws}, true
}

// Error describes a failed start for a log line. It names the server's path where the
// exec failed, and the call otherwise.
func (st Status) Error(path string) string {
	if st.Stage == Exec {
		return fmt.Sprintf("execv %s: %s", path, strerror.Errno(st.Errno))
	}
	return fmt.Sprintf("%s: %s", st.Stage, strerror.Errno(st.Errno))
}
