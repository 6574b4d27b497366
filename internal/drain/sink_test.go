package drain

import (
	"testing"
	"time"

	"inetd/internal/child/childtest"
	"inetd/internal/loop"
	"inetd/internal/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestSinkClosesInTime: a connection is closed when its time has passed, even if an
// earlier connection has a later time.
func TestSinkClosesInTime(t *testing.T) {
	t.Parallel()
	starter := childtest.New(t)
	poll := looptest.NewPoll(t)
	var timers loop.Timers
	s := NewSink(starter, poll, 1, &timers)
	defer s.CloseAll()
	for _, d := range []time.Duration{time.Hour, 0, 0, time.Hour} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[1])
		s.Drain(pair[0], d)
	}
	timers.Expire() // of two connections whose time is over
	if _, until, _ := s.First(); s.Len() != 2 || time.Until(until) < time.Minute {
		t.Errorf("%d are left, the first until %v", s.Len(), until)
	}
	if n := timers.Len(); n != 1 {
		t.Errorf("%d timers", n)
	}
}
