package netwatch

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// readable reports whether a descriptor is readable within ms milliseconds.
func readable(fd, ms int) bool {
	n, err := 0, error(unix.EINTR) // SIGCHLD interrupts it when ip has ended
	for err == unix.EINTR {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, ms)
	}
	return n == 1
}

// TestChanges: the descriptor becomes readable when an interface or an address comes or
// goes, and Drain ends that. It runs in a network namespace of its own.
func TestChanges(t *testing.T) {
	const mark = "NETWATCH_TEST_NETWORK"
	if os.Getenv(mark) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChanges$", "-test.v")
		cmd.Env = append(os.Environ(), mark+"=1", "GORACE=atexit_sleep_ms=0") // with -race it would end a second late
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Skipf("no network namespace: %v", err)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	fd, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d has the flags %d", fd, flags)
	}
	if readable(fd, 0) {
		t.Error("it is readable before anything has changed")
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", "10.9.0.1/32", "dev", "lo"},
		{"addr", "del", "10.9.0.1/32", "dev", "lo"},
		{"addr", "add", "fd09::1/128", "dev", "lo"},
		{"link", "set", "lo", "down"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v: %s", args, err, out)
		}
		if !readable(fd, 30_000) {
			t.Errorf("ip %q is not noticed", args)
		}
		Drain(fd)
		if readable(fd, 0) {
			t.Errorf("ip %q: it is readable after Drain", args)
		}
	}
}
