package running

import (
	"iter"
	"time"

	"inetd/internal/child"
	"inetd/internal/logbook"
	"inetd/internal/loop"

	"golang.org/x/sys/unix"
)

// Table holds the running processes. It belongs to the goroutine of the event loop.
type Table struct {
	Orphans bool // the daemon is process 1, which also reaps processes of others

	// Sweep is called a moment after a start, and is to call Reap and then Settle. It is
	// set before the first start; nil: a process that begins without a pidfd gets none.
	Sweep func()

	starter  *child.Starter
	poll     *loop.Poll
	tag      loop.Tag
	timers   *loop.Timers
	log      *logbook.Book
	all      processes
	spare    []*Process // records to be used again
	young    []int      // started without a pidfd since the last sweep
	sweeping bool       // a timer for Sweep is set
	started  int        // starts since the last Reap; batch: a Reap is due
}

// New makes a Table of the processes that a starter starts. Their pidfds are added to poll
// with tag and the process id.
func New(starter *child.Starter, poll *loop.Poll, tag loop.Tag, timers *loop.Timers, log *logbook.Book) *Table {
	return &Table{starter: starter, poll: poll, tag: tag, timers: timers, log: log, young: make([]int, 0, batch)}
}

// All goes through the processes with their ids, in the order of these.
func (t *Table) All() iter.Seq2[int, *Process] {
	return func(yield func(int, *Process) bool) {
		for _, p := range t.all {
			if !yield(p.PID, p) {
				return
			}
		}
	}
}

// Len returns how many processes there are.
func (t *Table) Len() int { return len(t.all) }

// Find returns the process with an id; nil: there is none.
func (t *Table) Find(pid int) *Process { return t.all.find(pid) }

// Track remembers a process as Begin does, and fills in its record with a copy of now.
func (t *Table) Track(pid int, now *Process, prompt bool) *Process {
	p := t.Begin(pid, prompt)
	fd := p.pidfd
	*p = *now
	p.PID, p.pidfd = pid, fd
	return p
}

// Begin remembers a process, and returns its record for the caller to fill in. If prompt
// is set, the end of the process is noticed at once, by a pidfd; otherwise at the next
// turn of the loop or sweep, which costs nothing.
func (t *Table) Begin(pid int, prompt bool) *Process {
	p := t.record()
	p.PID = pid
	t.all.add(p)
	if prompt {
		p.pidfd = t.pidfd(pid)
	}
	if p.pidfd > 0 {
		return p
	}
	t.started++
	if t.Sweep == nil {
		return p
	}
	t.young = append(t.young, pid)
	if !t.sweeping {
		t.sweeping = true
		t.timers.After(sweepTime, t.sweep)
	}
	return p
}

// maxSpare is how many records are kept for processes to come.
const maxSpare = 64

// record returns an empty record for a process.
func (t *Table) record() *Process {
	n := len(t.spare)
	if n == 0 {
		return &Process{}
	}
	p := t.spare[n-1]
	t.spare = t.spare[:n-1]
	return p
}

// forget takes back the record of a process that is gone.
func (t *Table) forget(p *Process) {
	*p = Process{}
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, p)
	}
}

// Rehearse touches the memory that the next process needs. It changes nothing.
func (t *Table) Rehearse() {
	p := t.record() // no server has the id 0
	t.all.add(p)
	t.all.remove(p)
	t.forget(p)
}

// sweepTime is the age at which a server gets a pidfd. Most servers have ended by then and
// were reaped in passing.
const sweepTime = 100 * time.Millisecond

func (t *Table) sweep() {
	t.sweeping = false
	t.Sweep()
}

// Settle gives a pidfd to each process that was started since the last time and still
// runs, so that the loop may sleep until something really happens, and calls f with it.
func (t *Table) Settle(f func(*Process)) {
	for _, pid := range t.young {
		if p := t.all.find(pid); p != nil && p.pidfd == 0 {
			p.pidfd = t.pidfd(pid)
			f(p)
		}
	}
	t.young = t.young[:0]
}

// pidfd opens a descriptor for a process and polls it. The process cannot have
// been reaped, so the id is its own.
func (t *Table) pidfd(pid int) int {
	if pid < 0 {
		return 0
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0
	}
	fd = t.starter.Keep(fd)
	if t.poll.Add(fd, t.tag, pid) != nil {
		unix.Close(fd)
		return 0
	}
	return fd
}

// batch is how many servers are started before those that have ended meanwhile are
// reaped in passing. To reap a batch costs little more than to reap one server.
const batch = 32

// Expect tells the table that a process may have ended.
func (t *Table) Expect() { t.started = batch }

// Due reports whether it is time to Reap.
func (t *Table) Due() bool { return t.started >= batch }

// Reap takes children that have ended out of the table, and calls ended with each, or the
// child's Done if it has one. If Reap stops after most children, or because ended reports
// that it is enough, it is Due again at once.
func (t *Table) Reap(most int, ended func(*Process, child.Status) (enough bool)) {
	t.Expect()
	for range most {
		st, ok := t.starter.Reap()
		if !ok {
			t.started = 0
			return
		}
		p := t.all.find(st.Pid)
		if p == nil {
			continue // process 1 has inherited it
		}
		t.remove(p)
		enough := false
		if p.Done != nil {
			p.Done(st)
		} else {
			enough = ended(p, st)
		}
		t.forget(p)
		if enough {
			return
		}
		if len(t.all) == 0 && !t.Orphans && !t.starter.Starting() {
			t.started = 0 // wait4 would only say so
			return
		}
	}
}

func (t *Table) remove(p *Process) {
	t.all.remove(p)
	if p.pidfd > 0 {
		t.poll.Remove(p.pidfd) // closing is not enough: a child may have a copy until its exec
		unix.Close(p.pidfd)
	}
}

// After calls f once d has passed, if the process still runs.
func (t *Table) After(p *Process, d time.Duration, f func()) {
	t.AfterOr(p, d, f, func() {})
}

// AfterOr calls f once d has passed, or gone if the process has ended by then. Records are
// used again, so the start time is compared as well.
func (t *Table) AfterOr(p *Process, d time.Duration, f, gone func()) {
	pid, begun := p.PID, p.Begun
	t.timers.After(d, func() {
		if now := t.all.find(pid); now == p && now.Begun == begun {
			f()
		} else {
			gone()
		}
	})
}

// Servers counts the processes that serve clients, without the daemon's own commands.
func (t *Table) Servers() (n int) {
	for _, p := range t.all {
		if p.Service != nil {
			n++
		}
	}
	return n
}
