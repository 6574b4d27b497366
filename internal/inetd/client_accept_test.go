package inetd

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAcceptFails: a socket rests after an error of accept that leaves the connection in
// the queue, or the loop would spin. After an error of the connection itself it does not.
func TestAcceptFails(t *testing.T) {
	s := serving(t, oneService(t))
	k := s.now.Services[0].First
	for err, rests := range map[syscall.Errno]bool{
		unix.EMFILE: true, unix.ENOMEM: true, unix.EPERM: true, unix.EACCES: true,
		unix.EAGAIN: false, unix.EINTR: false, unix.ECONNABORTED: false, unix.EPROTO: false,
	} {
		if s.gate.Arm(k); !k.Polled {
			t.Fatal("it is not polled at first")
		}
		if s.acceptFailed(k, err); k.Polled == rests {
			t.Errorf("%v: it is polled: %v", err, k.Polled)
		}
	}
}
