package running

import (
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

const tag loop.Tag = 7

// newTable makes a Table with a loop of its own.
func newTable(t *testing.T) (*Table, *child.Starter, *loop.Poll, *loop.Timers) {
	t.Helper()
	starter, err := child.New()
	if err != nil {
		t.Fatal(err)
	}
	poll, err := loop.NewPoll()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { starter.Close(); poll.Close() })
	timers := new(loop.Timers)
	return New(starter, poll, tag, timers, &logbook.Book{}), starter, poll, timers
}

// TestReap: the end of a server that was tracked with prompt wakes the loop, and is told
// once; nothing is left of it.
func TestReap(t *testing.T) {
	r, starter, poll, _ := newTable(t)
	profile, err := starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	program, err := profile.Program("/bin/sh", []string{"sh", "-c", "exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := starter.Start(program, null, child.NoStderr, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &table.Service{Label: "one/tcp"}
	p := r.Track(pid, &Process{Service: v, Program: program, Begun: time.Now().UnixNano()}, true)
	if p.PID != pid || p.PidFD() == 0 || r.All()[pid] != p || r.Servers() != 1 || !r.Serving() {
		t.Fatalf("%+v of %d", p, len(r.All()))
	}
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
	if ends != 1 || len(r.All()) != 0 || r.Due() || r.Serving() {
		t.Errorf("%d ends, %d processes, due %v", ends, len(r.All()), r.Due())
	}
	for starter.Settle(time.Second) {
	}
}

// TestAfterOr: a record that another process has by then is not taken for the process.
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

// TestSettle: a process that lives on is looked at once, and one that has ended is not.
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
}
