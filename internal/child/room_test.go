package child

import (
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
	if want := "room 0 clone3 true\nroom 3 clone3 true\n"; err != nil || string(out) != want {
		t.Errorf("%v, got %q, want %q", err, out, want)
	}
}

// startAtLimit is a user who has one process too many, and then not any more.
func startAtLimit() {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NPROC, &l)
	if err == nil && os.Getuid() == 0 { // whom it does not bind
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
	fmt.Println("room", s.Room(3), "clone3", s.Clone())
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &l); err != nil {
		fatal(err)
	}
	fmt.Println("room", s.Room(3), "clone3", s.Clone())
}
