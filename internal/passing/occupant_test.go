package passing

import (
	"testing"

	"inetd/internal/conf"
	"inetd/internal/demand"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/relay"
	"inetd/internal/table"
)

// TestManyAnswers: if a relay reports again and again that somebody answers, the daemon
// makes one lookup at a time, and the next one is about the last report.
func TestManyAnswers(t *testing.T) {
	t.Parallel()
	mail, log, asked := looptest.New(t), booktest.New(t), make(chan uint32, 100)
	rs := New(Loop{Timers: log.Timers, Log: log.Book, Beside: loop.NewBeside(mail.Mailbox, 4), UserName: func(_ *table.Service, uid uint32) string {
		asked <- uid
		return "somebody"
	}})
	do := &table.Action{Action: &plan.Action{}, Keys: &conf.Keys{}}
	p := &passing{svc: &table.Service{Label: "one/tcp", Do: do}, fd: -1, back: &backend{Machine: demand.Machine{Stage: demand.Asked}, user: 1 << 30}}
	const reports, first = 50, 1000
	for i := range reports {
		rs.reported(p, relay.Report{Kind: relay.Answers, To: uint64(first + i)})
	}
	if n := rs.loop.Beside.Len(); n != 1 {
		t.Errorf("%d are being found out at once", n)
	}
	mail.Until(func() bool { return rs.loop.Beside.Len() == 0 })
	if n := len(asked); n != 2 {
		t.Fatalf("it was asked %d times", n)
	}
	if a, b := <-asked, <-asked; a != first || b != first+reports-1 {
		t.Errorf("it was asked who %d and %d are", a, b)
	}
}
