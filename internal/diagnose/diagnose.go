// Package diagnose says why servers do not serve. In goes what becomes of a server: that
// it could not be started (NotStarted), how it has ended (Ended), or that it lives on
// (Settled); out come log lines with cause and advice, once for what happens again and
// again.
//
//	a start fails      its program, or what the entry asks for, is looked at   start.go
//	a server ends      by its signal, its exit status, errors in a row         end.go
//	it served nobody   by what was said on its connection                      idle.go
//	it took nothing    of what a wait server was started for; it is paced      nothing.go
//
// What reads files or asks the kernel for tables is done beside the event loop, with
// packages examine and misfit. All else belongs to the goroutine of the loop.
package diagnose

import (
	"context"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/running"
	"inetd/internal/table"
)

// Doctor is what is known of servers that do not serve.
type Doctor struct {
	log      *logbook.Book
	starter  *child.Starter
	running  *running.Table
	beside   *loop.Beside
	findings examine.Memory
	streaks  map[*table.Usage]streak // of the services whose servers fail
}

// New makes a Doctor of the processes of a starter. It looks into things by means of
// beside, which others may use too.
func New(log *logbook.Book, starter *child.Starter, running *running.Table, beside *loop.Beside) *Doctor {
	return &Doctor{log: log, starter: starter, running: running, beside: beside, streaks: map[*table.Usage]streak{}}
}

// Examinations are few at once: a file may lie on a file system that does not answer.
const (
	MaxExaminations = 4
	ExamineTime     = 10 * time.Second
)

// explain looks into something beside the loop, unless too much is looked into already,
// and then tells about it.
func (d *Doctor) explain(look, tell func()) {
	if d.beside.Full() {
		tell()
		return
	}
	d.beside.Do(ExamineTime, func(context.Context) { look() }, tell)
}

// Works notes that a server of a service was started, so that another failure is news.
func (d *Doctor) Works(u *table.Usage) {
	for _, about := range u.Failing {
		d.log.Forget(about)
	}
	u.Failing = nil
}

// Reloaded has the services counted anew, as there are others now.
func (d *Doctor) Reloaded() { clear(d.streaks) }

// seenBy is the user of a server with some keys, who may have another root directory.
func seenBy(k *conf.Keys, c *child.Credential) examine.User {
	u := examiner(c)
	if k != nil {
		u.Root = k.Chroot
	}
	return u
}

// examiner is the user of a server.
func examiner(c *child.Credential) examine.User {
	if c == nil {
		return examine.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return examine.User{UID: c.UID, GID: c.GID, Groups: c.Groups}
}
