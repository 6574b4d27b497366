package passing

import (
	"testing"

	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/plan"
	"inetd/internal/relay"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// TestManyUnreached: many clients come while nobody is at the place, or the network
// breaks their connections. The log has one line for each error, and then their number.
// All are counted.
func TestManyUnreached(t *testing.T) {
	t.Parallel()
	log := booktest.New(t)
	log.Every = 0
	rs := New(Loop{Timers: log.Timers, Log: log.Book, Release: func(*table.Service, limit.Source) {}})
	do := &table.Action{Action: &plan.Action{User: plan.User{Name: "nobody"}, Connect: conf.Place{Network: "unix", Address: "/x"}}, Keys: &conf.Keys{}}
	p := &passing{svc: &table.Service{Label: "one/tcp", Do: do}, fd: -1, clients: map[uint32]passenger{}, retired: true}
	report := func(kind relay.Kind, e unix.Errno) {
		p.clients[1] = passenger{Client: Client{From: " from 192.0.2.7:1"}}
		p.clients[2] = passenger{}
		rs.reported(p, relay.Report{Kind: kind, ID: 1, Errno: e})
	}
	for range 40 {
		report(relay.Unreached, unix.ECONNREFUSED)
	}
	for range 3 {
		report(relay.Unreached, unix.EACCES)
		report(relay.Broken, unix.ETIMEDOUT)
	}
	for log.Timers.Len() > 0 {
		log.Timers.Expire()
	}
	const want = `one/tcp: connect /x: Connection refused (from 192.0.2.7:1, inetd.conf:0); nobody listens there
one/tcp: connect /x: Permission denied (from 192.0.2.7:1, inetd.conf:0); user nobody may not: see the modes of the socket and its directories, or write another user
one/tcp: connection to /x: Connection timed out (from 192.0.2.7:1, inetd.conf:0); that machine may be down, or a firewall drop what is sent to it
one/tcp: 39 more clients: connect /x: Connection refused (inetd.conf:0)
one/tcp: 2 more clients: connect /x: Permission denied (inetd.conf:0)
one/tcp: 2 more clients: connection to /x: Connection timed out (inetd.conf:0)
`
	if got := log.Lines(); got != want {
		t.Errorf("the log has\n%s\nwant\n%s", got, want)
	}
	if n := p.svc.Usage().Failed; n != 43 {
		t.Errorf("%d clients are counted as failed", n)
	}
}
