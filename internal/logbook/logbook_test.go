package logbook_test

import (
	"strings"
	"testing"

	"inetd/internal/client"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/logbook/booktest"
	"inetd/internal/plan"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// TestBook: a line says where the entry or the key stands, and what happens often is logged
// once and then counted.
func TestBook(t *testing.T) {
	t.Parallel()
	v := &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{Asks: []plan.Ask{{Key: "accept_max", At: conf.Pos{File: "b.conf", Line: 9}}}}}
	him := &client.Client{Source: limit.User(7)}
	again := func(b *logbook.Book) {
		b.Exceeded(v, "him", "exceeded it", 5, "accept_max")
	}
	for _, tt := range []struct {
		name string
		do   func(b *logbook.Book)
		want string
	}{
		{"a line", func(b *logbook.Book) { b.Tell(syslog.Err, v, "one/tcp: failed", "of late", "; do it") }, "one/tcp: failed (of late, inetd.conf:4); do it"},
		{"about nothing", func(b *logbook.Book) { b.Tell(syslog.Err, v, "one/tcp: failed", "", "") }, "one/tcp: failed (inetd.conf:4)"},
		{"a key", again, "one/tcp from him exceeded it (limit 5, b.conf:9)"},
		{"again", func(b *logbook.Book) { again(b); again(b); again(b) }, "one/tcp from him exceeded it (limit 5, b.conf:9)|one/tcp: 2 more clients exceeded it (limit 5, b.conf:9)"},
		{"once more", func(b *logbook.Book) { again(b); again(b) }, "one/tcp from him exceeded it (limit 5, b.conf:9)|one/tcp: 1 more client exceeded it (limit 5, b.conf:9)"},
		{"another key", func(b *logbook.Book) { b.Refused(v, him, "it is late", "hours") }, "one/tcp from " + him.Source.String() + " refused: it is late (inetd.conf:4)"},
		{"nobody in particular", func(b *logbook.Book) { b.Refused(v, &client.Client{}, "it is late", "hours") }, "one/tcp refused: it is late (inetd.conf:4)"},
		{"lack", func(b *logbook.Book) { b.Lack(v, "fork", unix.EAGAIN); b.DatagramLost(v, "fork", unix.EAGAIN) }, "one/tcp: fork: Resource temporarily unavailable; trying again (inetd.conf:4)"},
		{"forgotten", func(b *logbook.Book) {
			for range 2 {
				if b.First(v.Cause("x"), "server", " more") {
					b.Log(syslog.Notice, "first")
				}
				b.Forget(v.Cause("x"))
			}
		}, "first|first"},
	} {
		b := booktest.New(t)
		b.Every = 0
		tt.do(b.Book)
		for b.Timers.Len() > 0 {
			b.Timers.Expire()
		}
		got := strings.ReplaceAll(strings.TrimSpace(b.Lines()), "\n", "|")
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
