package drain

import (
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noon is any time.
var noon = time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)

// A Set gives its connections back in the order of their times, whatever was added and
// removed before.
func TestSetIsItsModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var s Set
	model := map[int]time.Time{}
	for step := range 20_000 {
		fd := r.IntN(2 * Max)
		if _, in := model[fd]; in {
			if !s.Remove(fd) {
				t.Fatalf("step %d: %d is not in the set", step, fd)
			}
			delete(model, fd)
			continue
		}
		until := noon.Add(time.Duration(r.IntN(1_000_000)))
		out := s.Add(fd, until)
		model[fd] = until
		if (out >= 0) != (len(model) > Max) {
			t.Fatalf("step %d: %d makes room among %d", step, out, len(model))
		}
		if out >= 0 {
			for other, at := range model {
				if at.Before(model[out]) {
					t.Fatalf("step %d: %d makes room and not %d", step, out, other)
				}
			}
			delete(model, out)
		}
	}
	var last time.Time
	for len(model) > 0 {
		fd, until, ok := s.First()
		if !ok || !until.Equal(model[fd]) || until.Before(last) || s.Len() != len(model) {
			t.Fatalf("%d of %d until %v after %v, want %v", fd, s.Len(), until, last, model[fd])
		}
		last = until
		s.Remove(fd)
		delete(model, fd)
	}
	if _, _, ok := s.First(); ok || s.Len() > 0 || s.Remove(3) {
		t.Error("something is left")
	}
}

func TestRest(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	b := make([]byte, 100)
	if Rest(fds[0], b) {
		t.Error("over before anything was sent")
	}
	unix.Write(fds[1], make([]byte, perCall*len(b)+1))
	for range 2 {
		if Rest(fds[0], b) {
			t.Error("over while the client may send")
		}
	}
	if n, _, err := unix.Recvfrom(fds[0], b, unix.MSG_DONTWAIT); err != unix.EAGAIN {
		t.Errorf("%d bytes are left, %v", n, err)
	}
	unix.Write(fds[1], b)
	unix.Close(fds[1])
	if !Rest(fds[0], b) {
		t.Error("not over when the client has closed")
	}
}
