package passing

import (
	"strings"
	"testing"

	"inetd/internal/conf"
	"inetd/internal/demand"
	"inetd/internal/logbook/booktest"
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
	rs := New(Loop{Timers: log.Timers, Log: log.Book, Mail: mail.Mailbox, UserName: func(_ *table.Service, uid uint32) string {
		asked <- uid
		return "somebody"
	}})
	do := &table.Action{Action: &plan.Action{}, Keys: &conf.Keys{}}
	p := &passing{svc: &table.Service{Label: "one/tcp", Do: do}, fd: -1, back: &backend{Machine: demand.Machine{Stage: demand.Asked}, user: 1 << 30}}
	const reports, first = 50, 1000
	for i := range reports {
		rs.reported(p, relay.Report{Kind: relay.Answers, To: uint64(first + i)})
	}
	if n := rs.lookups.Len(); n != 1 {
		t.Errorf("%d are being found out at once", n)
	}
	mail.Until(func() bool { return rs.lookups.Len() == 0 })
	if n := len(asked); n != 2 {
		t.Fatalf("it was asked %d times", n)
	}
	if a, b := <-asked, <-asked; a != first || b != first+reports-1 {
		t.Errorf("it was asked who %d and %d are", a, b)
	}
}

// TestNobodyKnowsWhoAnswers: if it is not found out in time who answers, or there is no
// room to, the user of the socket decides: only the server's own gets the clients.
func TestNobodyKnowsWhoAnswers(t *testing.T) {
	t.Parallel()
	const user, stranger = 1 << 30, 1000
	for _, max := range []int{0, 1} {
		for answers, want := range map[uint64]string{
			user:     "a process of user 1073741824 answers at  already, and serves the clients",
			stranger: "a process of user 1000 has , where the server of this entry is to listen; clients are refused",
		} {
			mail, log, release := looptest.New(t), booktest.New(t), make(chan bool)
			rs := New(Loop{Timers: log.Timers, Log: log.Book, Mail: mail.Mailbox, UserName: func(*table.Service, uint32) string { <-release; return "" }})
			rs.lookups.Limit, rs.lookups.Max = 0, max
			do := &table.Action{Action: &plan.Action{}, Keys: &conf.Keys{}}
			p := &passing{svc: &table.Service{Label: "one/tcp", Do: do}, fd: -1, back: &backend{Machine: demand.Machine{Stage: demand.Asked}, user: user}}
			rs.reported(p, relay.Report{Kind: relay.Answers, To: answers})
			mail.Until(func() bool { return !p.back.asking })
			if got := log.Lines(); !strings.Contains(got, want) || (p.back.Stage == demand.Ready) != (answers == user) {
				t.Errorf("room for %d, answer of %d: stage %v; told %q", max, answers, p.back.Stage, got)
			}
			close(release)
		}
	}
}
