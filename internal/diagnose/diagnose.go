// Package diagnose says why servers do not serve. In goes what happened to a server: it
// could not be started (NotStarted), it has ended (Ended), or it lives on (Settled). Out
// come log lines with cause and advice, once for whatever happens again and again.
//
//	a start fails      its program, or what its entry asks for, is examined    start.go
//	a server ends      its signal, exit status or errors in a row say why      end.go
//	it served nobody   what was said on its connection says why                idle.go
//	it took nothing    a wait server that does not is started less often       nothing.go
//
// What reads files or asks the kernel for tables runs beside the event loop (packages
// examine and misfit). All else belongs to the goroutine of the loop.
package diagnose

import (
	"fmt"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plaintext"
	"inetd/internal/running"
	"inetd/internal/table"
)

// Doctor keeps what is known of servers that do not serve.
type Doctor struct {
	log      *logbook.Book
	starter  *child.Starter
	running  *running.Table
	beside   *loop.Beside
	told     time.Time // when the log last said that something is not examined
	findings examine.Memory
	streaks  map[*table.Usage]streak // of the services whose servers fail
}

// New makes a Doctor for the processes of a starter. Its examinations run on beside,
// which others may use too.
func New(log *logbook.Book, starter *child.Starter, running *running.Table, beside *loop.Beside) *Doctor {
	d := &Doctor{log: log, starter: starter, running: running, beside: beside, streaks: map[*table.Usage]streak{}}
	beside.Lost = d.lost
	return d
}

// Few examinations run at once: a file may lie on a file system that does not answer.
const (
	MaxExaminations = 4
	ExamineTime     = 10 * time.Second
)

// lost logs, at most once a minute, that something is not examined.
func (d *Doctor) lost() {
	now := time.Now()
	if now.Sub(d.told) < d.log.Every {
		return
	}
	d.told = now
	why := plaintext.Count(d.beside.Len(), "examination is under way", "examinations are under way")
	if n := d.beside.Stuck(); n > 0 {
		why = fmt.Sprintf("%s not ended within %v; does a file system not answer?", plaintext.Count(n, "examination has", "examinations have"), d.beside.Limit)
	}
	d.log.Warningf("not everything that fails is looked into: %s", why)
}

// Works forgets the failures of a service, as a server was started: another one is news.
func (d *Doctor) Works(u *table.Usage) {
	for _, about := range u.Failing {
		d.log.Forget(about)
	}
	u.Failing = nil
}

// Reloaded forgets the errors in a row, as a reload has changed the services.
func (d *Doctor) Reloaded() { clear(d.streaks) }

// seenBy is the user of a server in an examination. Keys may give it another root
// directory.
func seenBy(k *conf.Keys, c *child.Credential) examine.User {
	u := examiner(c)
	if k != nil {
		u.Root = k.Chroot
	}
	return u
}

// examiner is the user that a server runs as; c may be nil, for the daemon's.
func examiner(c *child.Credential) examine.User {
	if c == nil {
		return examine.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return examine.User{UID: c.UID, GID: c.GID, Groups: c.Groups}
}
