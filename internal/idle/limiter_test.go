package idle

import (
	"testing"
	"time"

	"inetd/internal/logbook/booktest"
	"inetd/internal/loop/looptest"
	"inetd/internal/running"
)

// TestKernelDoesNotAnswer: without an answer, no server is over its idle time, the log says
// so once, and the kernel is asked again later.
func TestKernelDoesNotAnswer(t *testing.T) {
	t.Parallel()
	log := booktest.New(t)
	l := NewLimiter(running.New(nil, nil, 0, log.Timers, log.Book), looptest.New(t).Mailbox, log.Timers, log.Book)
	l.asks.Max = 0
	l.Add(&Server{Subject: Subject{Cookie: 1}, PID: 1, Time: time.Minute})
	answers := 0
	for range 2 {
		l.ask(l.All(), func(over []*Server) {
			if answers++; len(over) > 0 {
				t.Errorf("%d servers are over their time", len(over))
			}
		})
	}
	const want = "idle_time: Connection timed out: servers that have nothing to do cannot be told from others, and go on\n"
	if got := log.Lines(); got != want || answers != 2 || l.Due().IsZero() {
		t.Errorf("%d answers, again at %v, told %q", answers, l.Due(), got)
	}
}
