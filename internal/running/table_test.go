package running

import (
	"io"
	"syscall"
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/child/childtest"
	"inetd/internal/conf"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop"
	"inetd/internal/loop/looptest"
	"inetd/internal/sock"
	"inetd/internal/sock/socktest"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

const tag loop.Tag = 7

// newTable makes a Table with a loop of its own.
func newTable(t *testing.T) (*Table, *child.Starter, *loop.Poll, *loop.Timers) {
	t.Helper()
	r, starter, poll, book := newLoggedTable(t)
	return r, starter, poll, book.Timers
}

func newLoggedTable(t *testing.T) (*Table, *child.Starter, *loop.Poll, *booktest.Book) {
	t.Helper()
	starter := childtest.New(t)
	poll := looptest.NewPoll(t)
	book := booktest.New(t)
	return New(starter, poll, tag, book.Timers, book.Book), starter, poll, book
}

// run starts /bin/sh with a script.
func run(t *testing.T, starter *child.Starter, script string) (pid int, program *child.Program) {
	t.Helper()
	profile, err := starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	if program, err = profile.Program("/bin/sh", []string{"sh", "-c", script}); err != nil {
		t.Fatal(err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = starter.Start(program, null, child.NoStderr, nil); err != nil {
		t.Fatal(err)
	}
	return pid, program
}

// TestReapOrphans: process 1 goes on reaping when its last server has ended, as it may have
// inherited other processes; nothing is due once all are reaped.
func TestReapOrphans(t *testing.T) {
	r, starter, _, _ := newTable(t)
	r.Orphans = true
	var pids []int
	for range 2 {
		pid, _ := run(t, starter, "exit 0")
		pids = append(pids, pid)
	}
	r.Track(pids[0], &Process{}, false)
	for _, pid := range pids {
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}
	for starter.Settle(time.Second) {
	}
	r.Reap(64, func(*Process, child.Status) bool { return false })
	if err := unix.Kill(pids[1], 0); err != unix.ESRCH || r.Due() {
		t.Errorf("the orphan: %v, due %v", err, r.Due())
	}
}

// TestReap: the end of a server that was tracked with prompt wakes the loop, and is told
// once; nothing is left of it.
func TestReap(t *testing.T) {
	r, starter, poll, _ := newTable(t)
	pid, program := run(t, starter, "exit 3")
	v := &table.Service{Label: "one/tcp"}
	p := r.Track(pid, &Process{Service: v, Program: program, Begun: time.Now().UnixNano()}, true)
	if p.PID != pid || p.PidFD() == 0 || r.Find(pid) != p || r.Servers() != 1 || !r.Serving() {
		t.Fatalf("%+v of %d", p, r.Len())
	}
	pidfd := uintptr(p.PidFD())
	again, err := unix.FcntlInt(pidfd, unix.F_DUPFD_CLOEXEC, 3) // as a child may have it
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(again)
	for woken := false; !woken; {
		for _, ev := range poll.Wait(20 * time.Second) {
			woken = woken || loop.Tag(ev.Pad) == tag && int(ev.Fd) == pid
		}
	}
	ends := 0
	r.Reap(64, func(p *Process, st child.Status) bool {
		ends++
		if p.Service != v || st.Pid != pid || st.Wait.ExitStatus() != 3 {
			t.Errorf("%+v, %+v", p, st)
		}
		return false
	})
	if ends != 1 || r.Len() != 0 || r.Due() || r.Serving() {
		t.Errorf("%d ends, %d processes, due %v", ends, r.Len(), r.Due())
	}
	if events := poll.Wait(0); len(events) > 0 {
		t.Errorf("its end wakes the loop again: %v", events)
	}
	if _, err := unix.FcntlInt(pidfd, unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("descriptor %d is open: %v", pidfd, err)
	}
	for starter.Settle(time.Second) {
	}
}

// TestAfterOr: a record that has gone to another process is not taken for the first one's.
func TestAfterOr(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		next  func(r *Table, p *Process)
		still bool
	}{
		{"it runs", func(*Table, *Process) {}, true},
		{"it has ended", func(r *Table, p *Process) { r.remove(p); r.forget(p) }, false},
		{"another one has its number and record", func(r *Table, p *Process) {
			r.remove(p)
			r.forget(p)
			if again := r.Track(-1, &Process{Begun: 2}, false); again != p {
				t.Error("the record was not used again")
			}
		}, false},
	} {
		r, _, _, timers := newTable(t)
		p := r.Track(-1, &Process{Begun: 1}, false) // no process has this number
		got := ""
		r.AfterOr(p, 0, func() { got += "still" }, func() { got += "gone" })
		tt.next(r, p)
		timers.Expire()
		if want := map[bool]string{true: "still", false: "gone"}[tt.still]; got != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
	}
}

// TestSettle: a process that still runs is looked at once, and one that has ended is not.
func TestSettle(t *testing.T) {
	t.Parallel()
	r, _, _, timers := newTable(t)
	sweeps := 0
	r.Sweep = func() { sweeps++ }
	r.Track(-1, &Process{}, false)
	r.remove(r.Track(-2, &Process{}, false))
	if timers.Len() != 1 {
		t.Errorf("%d timers for two processes", timers.Len())
	}
	for timers.Len() > 0 {
		time.Sleep(timers.Next())
		timers.Expire()
	}
	var seen []int
	look := func(p *Process) { seen = append(seen, p.PID) }
	r.Settle(look)
	r.Settle(look)
	if sweeps != 1 || len(seen) != 1 || seen[0] != -1 {
		t.Errorf("%d sweeps, %d were looked at", sweeps, seen)
	}
	if r.Track(-3, &Process{}, false); timers.Len() != 1 {
		t.Errorf("%d timers for a process after that", timers.Len())
	}
}

// TestServing: the daemon's own programs are no servers, nor is a process without an id.
func TestServing(t *testing.T) {
	t.Parallel()
	r, _, _, _ := newTable(t)
	r.Track(1<<30, &Process{Done: func(child.Status) {}}, false)
	r.Track(-1, &Process{Service: &table.Service{}}, false)
	if r.Serving() || r.Servers() != 1 {
		t.Errorf("serving %v, %d servers", r.Serving(), r.Servers())
	}
	r.Track(1<<30+1, &Process{Service: &table.Service{}}, false)
	if !r.Serving() || r.Servers() != 2 {
		t.Errorf("serving %v, %d servers", r.Serving(), r.Servers())
	}
}

// TestLimitTime: a server is told to end when its time is over, counted from its start. It
// is told once, however often End is called, and killed if it does not end.
func TestLimitTime(t *testing.T) {
	t.Parallel()
	r, starter, _, book := newLoggedTable(t)
	profile, err := starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	program, err := profile.Program("/bin/server", nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &table.Service{Label: "one/tcp", Do: &table.Action{Keys: &conf.Keys{
		MaxTime: time.Hour, EndTime: time.Millisecond, Options: []conf.Option{{Key: conf.Word{Text: "end_time", Pos: conf.Pos{Line: 1}}}},
	}}}
	p := r.Track(1<<30, &Process{Service: v, Program: program, Begun: time.Now().Add(-time.Hour).UnixNano()}, false) // no process has this number
	r.LimitTime(p)
	book.Timers.Expire()
	r.End(p, "been idle", "idle_time")
	const ended = "one/tcp: /bin/server[1073741824] has run for 1h0m0s, its max_time, and is ended (inetd.conf:0)\n"
	if got := book.Lines(); got != ended || p.Kill == 0 {
		t.Fatalf("the log says %q", got)
	}
	for book.Timers.Len() > 0 {
		time.Sleep(book.Timers.Next())
		book.Timers.Expire()
	}
	if got, want := book.Lines(), ended+"one/tcp: /bin/server[1073741824] has not ended within 1ms and is killed (inetd.conf:0)\n"; got != want {
		t.Errorf("the log says %q", got)
	}
}

// TestUnprobe: a probe is closed once only, as its number may be in use again by then.
func TestUnprobe(t *testing.T) {
	t.Parallel()
	c, fd := socktest.Connection(t)
	p := &Process{Probe: fd}
	if p.Unprobe(); p.Probe != 0 {
		t.Errorf("it still has %d", p.Probe)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("it is open: %v", err)
	}
}

// TestTookNothing: what is known of a wait server that has ended while a client waits.
func TestTookNothing(t *testing.T) {
	t.Parallel()
	fd := socktest.Listen(t)
	socktest.Dial(t, fd)
	k := &table.Socket{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP}, FD: int32(fd)}
	const failed = 1 << 8
	now := time.Now().UnixNano()
	for _, tt := range []struct {
		name string
		p    Process
		wait syscall.WaitStatus
		want bool
	}{
		{"it failed, and nobody has gone", Process{Queued: 1, Begun: now}, failed, true},
		{"one has gone, as far as is known", Process{Queued: 2, Begun: now}, failed, false},
		{"it ended well", Process{Queued: 1, Begun: now}, 0, false},
		{"it has lived for long", Process{Queued: 1, Begun: now - int64(time.Minute)}, failed, false},
		{"the daemon has ended it", Process{Queued: 1, Begun: now, Kill: 1}, failed, false},
	} {
		tt.p.Lent = k
		if got := tt.p.TookNothing(child.Status{Wait: tt.wait}); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
