package running

import (
	"testing"

	"inetd/internal/child/childtest"
	"inetd/internal/conf"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// openPipe opens the standard error of a server that is to be logged.
func openPipe(t *testing.T) (*Stderrs, Pipe) {
	t.Helper()
	starter := childtest.New(t)
	s := NewStderrs(starter, nil)
	t.Cleanup(func() { s.Close() })
	e, err := s.Open(&table.Service{Do: &table.Action{Keys: &conf.Keys{Stderr: "log"}}})
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

// TestPipeIsCloseOnExec: neither end of a server's standard error goes to another server.
func TestPipeIsCloseOnExec(t *testing.T) {
	t.Parallel()
	s, e := openPipe(t)
	defer e.Unused()
	for _, fd := range []int{e.read, e.write} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d has flags %#x, %v", fd, flags, err)
		}
	}
	if e, err := s.Open(&table.Service{Do: &table.Action{}}); e != NoPipe() || err != nil {
		t.Errorf("a service that does not ask for one has %v, %v", e, err)
	}
}

// TestUnusedPipe: the pipe of a server that could not be started is closed.
func TestUnusedPipe(t *testing.T) {
	_, e := openPipe(t)
	e.Unused()
	for _, fd := range []int{e.read, e.write} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is open: %v", fd, err)
		}
	}
}
