package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRoom(t *testing.T) {
	h := cloning(t)
	for _, most := range []int{0, 1, 50} {
		if n := h.Room(most); n != most {
			t.Errorf("room for %d processes of %d", n, most)
		}
	}
	if st, ok := h.Reap(); ok {
		t.Errorf("one is left: %+v", st)
	}
	if got := h.output("echo", "served"); got != "served\n" {
		t.Errorf("a child after it: %q", got)
	}
}

// TestAtLimit makes a Starter while no process can be made. That is not for want
// of clone3, and passes.
func TestAtLimit(t *testing.T) {
	cloning(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"t-limit"}
	out, err := cmd.CombinedOutput()
	if want := "room 0 clone3 true left by lend 0\nroom 3 clone3 true\n"; err != nil || string(out) != want {
		t.Errorf("%v, got %q, want %q", err, out, want)
	}
}

// leftByLend returns how many descriptors a Lend that failed has left open.
func leftByLend(s *Starter) int {
	profile, err := s.Profile(nil, nil, Setup{})
	if err != nil {
		fatal(err)
	}
	p, err := profile.Program("/bin/true", []string{"true"})
	if err != nil {
		fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		fatal(err)
	}
	s.crowded = true
	if _, err := s.Lend(p, fds[0], NoStderr, nil); err == nil {
		fatal(errors.New("a process was made"))
	}
	next, err := unix.Dup(fds[0])
	if err != nil {
		fatal(err)
	}
	return next - fds[1] - 1
}

// startAtLimit runs as a user who is over the limit of processes, and then no longer is.
func startAtLimit() {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NPROC, &l)
	if err == nil && os.Getuid() == 0 { // the limit does not bind root
		err = syscall.Setuid(1_900_000_000 + os.Getpid())
	}
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: 1, Max: l.Max})
	}
	if err != nil {
		fatal(err)
	}
	s, err := New()
	if err != nil {
		fatal(err)
	}
	fmt.Println("room", s.Room(3), "clone3", s.Clone(), "left by lend", leftByLend(s))
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &l); err != nil {
		fatal(err)
	}
	fmt.Println("room", s.Room(3), "clone3", s.Clone())
}
