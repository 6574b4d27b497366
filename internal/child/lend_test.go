package child

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLend: a socket that is lent is still the daemon's when its server has ended, and
// no other descriptor is left.
func TestLend(t *testing.T) {
	bothWays(t, func(h harness) {
		for _, crowded := range []bool{false, true} {
			h.crowded = crowded
			p := h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo out; echo err >&2"}})
			server, client := h.connect()
			defer client.Close()
			before := descriptors()
			stderr, errClient := h.connect()
			defer errClient.Close()
			if _, err := h.Lend(p, server, stderr, nil); err != nil {
				h.Fatal(err)
			}
			if st := h.await(); st.Stage != Run || st.Wait != 0 {
				h.Fatalf("%+v", st)
			}
			h.Settle(10 * time.Second)
			if after := descriptors(); after != before+1 { // errClient
				h.Fatalf("crowded %v: %d descriptors, %d before", crowded, after, before)
			}
			if err := unix.Close(server); err != nil {
				h.Errorf("crowded %v: the socket was not only lent: %v", crowded, err)
			}
			out, err := io.ReadAll(client)
			said, errErr := io.ReadAll(errClient)
			if string(out) != "out\n" || string(said) != "err\n" || err != nil || errErr != nil {
				h.Errorf("crowded %v: %q, %v and %q, %v", crowded, out, err, said, errErr)
			}
		}
	})
}

// TestLentCopyIsCloseOnExec: a child that is started before an earlier one gets to its
// exec inherits nothing of the earlier one.
func TestLentCopyIsCloseOnExec(t *testing.T) {
	h := cloning(t)
	h.crowded = true
	stuck := h.prepare(Command{Argv: []string{"t-exit"}})
	hang(stuck)
	server, client := h.connect()
	defer client.Close()
	defer unix.Close(server)
	pid, err := h.Lend(stuck, server, NoStderr, nil)
	if err != nil {
		t.Fatal(err)
	}
	fd := h.busy[0].fds[0]
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d has flags %#x, %v", fd, flags, err)
	}
	unix.Kill(pid, unix.SIGKILL)
	h.await()
}
