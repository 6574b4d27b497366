package passing

import (
	"testing"

	"inetd/internal/child/childtest"
	"inetd/internal/conf"
	"inetd/internal/handover"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/plan"
	"inetd/internal/relay"
	"inetd/internal/running"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// TestElderRelay: a relay of an older program, without relay.Unreached, goes on after an
// upgrade. What keeps its clients from the place is logged and counted as before.
func TestElderRelay(t *testing.T) {
	t.Parallel()
	const refused = "one/tcp: connect 192.0.2.1:80: Connection refused (192.0.2.7, inetd.conf:0); nobody listens there\n"
	for _, tt := range []struct {
		name   string
		causes bool
		report relay.Report
		log    string
	}{
		{"not reached", false, relay.Report{Kind: relay.Ended, Errno: unix.ECONNREFUSED}, refused},
		{"after some bytes", false, relay.Report{Kind: relay.Ended, Errno: unix.ETIMEDOUT, To: 1}, ""},
		{"refused by the relay", false, relay.Report{Kind: relay.Ended, Errno: relay.ErrRefused}, ""},
		{"reset", false, relay.Report{Kind: relay.Ended, Errno: unix.ECONNRESET}, ""},
		{"well", false, relay.Report{Kind: relay.Ended}, ""},
		{"client lost, as this program tells it", true, relay.Report{Kind: relay.Ended, Errno: unix.ETIMEDOUT}, ""},
		{"not reached, as this program tells it", true, relay.Report{Kind: relay.Unreached, Errno: unix.ECONNREFUSED}, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			starter := childtest.New(t)
			ours, theirs, err := relay.Pair()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(ours); unix.Close(theirs) })
			log := booktest.New(t)
			rs := New(Loop{
				Starter: starter, Timers: log.Timers, Log: log.Book,
				Running: running.New(starter, nil, 0, log.Timers, log.Book),
				Release: func(*table.Service, limit.Source) {},
			})
			to := conf.Place{Network: "tcp", Address: "192.0.2.1:80"}
			v := &table.Service{Label: "one/tcp", Do: &table.Action{Action: &plan.Action{Connect: to}, Keys: &conf.Keys{}}}
			rs.Inherit(v, handover.Demand{FD: ours, Causes: tt.causes, Clients: []handover.Passenger{{ID: 7, From: " 192.0.2.7"}}})
			p := rs.relays[ours]
			tt.report.ID = 7
			rs.reported(p, tt.report)
			failed := uint64(0)
			if tt.log != "" {
				failed = 1
			}
			if got := log.Lines(); got != tt.log || v.Used.Failed != failed {
				t.Errorf("%d have failed, and the log says %q", v.Used.Failed, got)
			}
			if again := rs.saved(p, 0); again.Causes != tt.causes || len(again.Clients) != 0 {
				t.Errorf("left: %+v", again)
			}
		})
	}
}
