package inetd

import (
	"io"
	"runtime"
	"syscall"
	"testing"

	"inetd/internal/client"

	"golang.org/x/sys/unix"
)

// withoutProcesses calls f where no process can be made: clone fails with ENOMEM in a
// pid namespace whose first process has ended (pid_namespaces(7)). Making such a namespace
// takes the rights that inNetwork gives.
func withoutProcesses(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWPID)
		if err == nil {
			var first int
			if first, err = syscall.ForkExec("/bin/true", nil, nil); err == nil {
				syscall.Wait4(first, nil, 0, nil)
				f()
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFailedLend: a wait socket for which no process can be made rests, has no server and
// counts no start, until a process can be made.
func TestFailedLend(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	sc := newScene(t, "127.0.0.1:PORT on protocol = udp4, wait = yes, user = -, exec = /bin/dd, args = dd of=/dev/null count=1 status=none;\n", nil)
	sc.start()
	s := sc.s
	if _, err := io.WriteString(sc.dial("udp4"), "x"); err != nil {
		t.Fatal(err)
	}
	k, u := s.now.Services[0].First, s.now.Services[0].Usage()
	withoutProcesses(t, func() { s.lend(k) })
	if u.Live != 0 || u.Starts.Count != 0 || k.Polled {
		t.Errorf("%d servers run of %d starts; polled: %v", u.Live, u.Starts.Count, k.Polled)
	}
	for u.Started == 0 {
		s.turn()
	}
	for s.running.Len() > 0 {
		s.reap()
	}
	if u.Live != 0 || u.Starts.Count != 1 || !k.Polled {
		t.Errorf("after one server: %d servers run of %d starts; polled: %v", u.Live, u.Starts.Count, k.Polled)
	}
	sc.wantLog(`: PORT/udp4: fork: Cannot allocate memory; trying again \(`)
}

// TestFailedLaunchKeepsNothing: the daemon's own descriptor of a client's connection is
// closed when no process can be made.
func TestFailedLaunchKeepsNothing(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	sc := newScene(t, keyed("-", "linger = 20s", "echo x"), nil)
	sc.start()
	v := sc.s.now.Services[0]
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	withoutProcesses(t, func() {
		if pid, err := sc.s.launch(&delayed{svc: v, client: client.Client{Conn: fds[0]}, program: v.Do.Program}); err != unix.ENOMEM {
			t.Errorf("process %d, %v", pid, err)
		}
	})
	unix.Close(fds[0])
	if n, err := unix.Read(fds[1], make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the connection has no end: %d, %v", n, err)
	}
}

// TestFailedCommandKeepsNothing: the descriptors that a command would have had are closed
// when no process can be made.
func TestFailedCommandKeepsNothing(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	sc := newScene(t, echoServer, nil)
	sc.start()
	before, failed := descriptors(t), make(chan error, 1)
	withoutProcesses(t, func() { sc.s.commands.Spawn("true", func(err error) { failed <- err }) })
	if err := <-failed; err == nil {
		t.Error("it is not known that it has failed")
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, and were %d", after, before)
	}
}
