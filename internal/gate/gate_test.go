package gate

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A fixture is a Gate for services with one socket each, one end of a socket pair.
type fixture struct {
	*Gate
	book  *booktest.Book
	bound Bound // what the loop's Bound returns for every service
	ends  []int // the other ends of the pairs
}

func newFixture(t *testing.T, services int, l limit.Limits) *fixture {
	t.Helper()
	poll := looptest.NewPoll(t)
	f := &fixture{book: booktest.New(t)}
	now := f.book.Now
	f.Gate = New(Loop{
		Poll: poll, Timers: f.book.Timers, Log: f.book.Book, Now: now,
		Bound: func(*table.Service) Bound { return f.bound },
	})
	do := &table.Action{Action: &plan.Action{Mode: plan.Accept, Listens: true, Limits: l}}
	for i := range services {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
		v := &table.Service{Label: fmt.Sprintf("s%d/tcp", i), Do: do}
		v.Add(&table.Socket{Service: v, FD: int32(pair[0])})
		now.Services, f.ends = append(now.Services, v), append(f.ends, pair[1])
	}
	return f
}

// socket returns the socket of a service.
func (f *fixture) socket(i int) *table.Socket { return f.loop.Now.Services[i].First }

// polled returns how many sockets are polled.
func (f *fixture) polled() (n int) {
	for _, v := range f.loop.Now.Services {
		if v.First.Polled {
			n++
		}
	}
	return n
}

// TestArm: each reason alone keeps a socket from being polled.
func TestArm(t *testing.T) {
	t.Parallel()
	for name, hinder := range map[string]func(f *fixture, k *table.Socket) (undo func()){
		"as many run as may": func(f *fixture, _ *table.Socket) func() {
			f.bound = ByProcesses
			return func() { f.bound = Unbound }
		},
		"a wait server has it": func(_ *fixture, k *table.Socket) func() {
			k.Server = 7
			return func() { k.Server = 0 }
		},
		"suspended": func(_ *fixture, k *table.Socket) func() {
			k.Service.Usage().Halted = true
			return func() { k.Service.Usage().Halted = false }
		},
		"the gate is closed": func(f *fixture, _ *table.Socket) func() {
			f.Closed = true
			return func() { f.Closed = false }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 2, limit.Limits{})
			f.ArmAll()
			if n := f.polled(); n != 2 {
				t.Errorf("%d are polled at first", n)
			}
			k := f.socket(0)
			undo := hinder(f, k)
			f.Arm(k)
			if k.Polled {
				t.Error("it is polled")
			}
			undo()
			if f.Arm(k); !k.Polled {
				t.Error("it is not polled again")
			}
		})
	}
}

// TestArmNeverAgain: a socket that is not open, or was removed by a reload, is not polled.
func TestArmNeverAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, limit.Limits{})
	f.socket(0).FD, f.socket(1).Closed = -1, true
	f.ArmAll()
	if n := f.polled(); n != 0 {
		t.Errorf("%d are polled", n)
	}
}

// TestRearm: the sockets that a shared bound has held are polled again in their order, up
// to the first with a client at each turn.
func TestRearm(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5, limit.Limits{})
	f.bound = ByProcesses
	f.ArmAll()
	for _, i := range []int{1, 3} { // these have clients
		if _, err := unix.Write(f.ends[i], []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if f.Rearm() || f.polled() != 0 {
		t.Fatalf("%d are polled without room", f.polled())
	}
	f.bound = Unbound
	for want, last := range []int{1, 3, 4} {
		if f.Rearm() {
			t.Error("the next turn is to come at once")
		}
		if n := f.polled(); n != last+1 || !f.socket(last).Polled {
			t.Errorf("call %d: %d are polled, want those up to socket %d", want, n, last)
		}
	}
}

// TestRearmManyWithoutClients: Rearm tries perTurn sockets, and asks for another turn at
// once for the others.
func TestRearmManyWithoutClients(t *testing.T) {
	t.Parallel()
	f := newFixture(t, perTurn+1, limit.Limits{})
	f.bound = ByInquiries
	f.ArmAll()
	f.bound = Unbound
	if !f.Rearm() || f.polled() != perTurn {
		t.Errorf("%d are polled", f.polled())
	}
	if f.Rearm() || f.polled() != perTurn+1 {
		t.Errorf("%d are polled in the end", f.polled())
	}
}

// TestUnhold: the limit of one service does not hold the sockets of another.
func TestUnhold(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, limit.Limits{})
	f.bound = ByService
	for i := range 2 {
		f.socket(i).Service.Usage()
	}
	f.ArmAll()
	f.bound = Unbound
	if f.Rearm() || f.polled() != 0 {
		t.Errorf("%d are polled by a Rearm", f.polled())
	}
	f.Unhold(f.socket(1).Service.Used)
	if f.socket(0).Polled || !f.socket(1).Polled {
		t.Errorf("polled: %v and %v", f.socket(0).Polled, f.socket(1).Polled)
	}
	if n := len(f.held.own); n != 1 {
		t.Errorf("%d are still held", n)
	}
}

// TestSuspension: a service that has used up the starts of a window is not polled until
// the window has passed, and the log says so once.
func TestSuspension(t *testing.T) {
	t.Parallel()
	l := limit.Limits{Starts: 2, Window: 50 * time.Millisecond}
	f := newFixture(t, 2, l)
	f.ArmAll()
	v := f.socket(0).Service
	for u := v.Usage(); f.MayStart(v); {
		u.Starts.Admit(time.Now(), l.Starts, time.Hour) // in case the test is slow
	}
	if f.socket(0).Polled || !f.socket(1).Polled {
		t.Errorf("polled: %v and %v", f.socket(0).Polled, f.socket(1).Polled)
	}
	for !f.socket(0).Polled {
		time.Sleep(f.book.Timers.Next())
		f.book.Timers.Expire()
	}
	if log := f.book.Lines(); strings.Count(log, "s0/tcp: server failing (looping), service suspended: 2 starts in 0.05 s, the limit; clients wait until ") != 1 || strings.Count(log, "\n") != 1 || v.Usage().Suspended != 1 {
		t.Error(log, v.Usage().Suspended)
	}
}

// TestFullIsNotSuspended: if an entry refuses clients when its starts are used up, its
// service stays polled, because a client must be accepted to be refused.
func TestFullIsNotSuspended(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1, limit.Limits{Starts: 1, Window: time.Hour})
	v := f.socket(0).Service
	v.Do.Keys = &conf.Keys{FullRefuse: true}
	f.ArmAll()
	v.Usage().Starts.Admit(time.Now(), 1, time.Hour)
	if !f.MayStart(v) || !f.socket(0).Polled || v.Usage().Halted {
		t.Error("it is suspended")
	}
}

// TestPool: while a pool holds a socket, a timer turns the loop now and then, because
// nothing else tells it that a silent client makes room.
func TestPool(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, limit.Limits{})
	f.bound = ByBuiltins
	for range 2 {
		if f.ArmAll(); f.book.Timers.Len() != 1 {
			t.Fatalf("%d timers", f.book.Timers.Len())
		}
		time.Sleep(f.book.Timers.Next())
		f.book.Timers.Expire()
	}
	f.bound = Unbound
	if f.Rearm(); f.polled() != 2 {
		t.Errorf("%d are polled when there is room", f.polled())
	}
	time.Sleep(f.book.Timers.Next())
	if f.book.Timers.Expire(); f.book.Timers.Len() != 0 {
		t.Errorf("%d timers for nobody", f.book.Timers.Len())
	}
}

// TestRearmPastClosed: a socket closed by a reload does not block the sockets behind it.
func TestRearmPastClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, limit.Limits{})
	f.bound = ByProcesses
	f.ArmAll()
	closed := f.socket(0)
	closed.Closed = true
	f.loop.Bound = func(v *table.Service) Bound {
		if v == closed.Service {
			return ByProcesses
		}
		return Unbound
	}
	if f.Rearm(); closed.Polled || !f.socket(1).Polled {
		t.Errorf("polled: %v and %v", closed.Polled, f.socket(1).Polled)
	}
}

// TestRest: a socket is not polled for a moment after accept has failed with EMFILE.
func TestRest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, limit.Limits{})
	f.ArmAll()
	f.Rest(f.socket(0), "accept", os.NewSyscallError("accept4", unix.EMFILE))
	if f.socket(0).Polled || !f.socket(1).Polled {
		t.Errorf("polled: %v and %v", f.socket(0).Polled, f.socket(1).Polled)
	}
	for !f.socket(0).Polled {
		time.Sleep(f.book.Timers.Next())
		f.book.Timers.Expire()
	}
}

// TestNothingIsAllocated: a client of a service that is not held back costs no memory.
func TestNothingIsAllocated(t *testing.T) {
	f := newFixture(t, 1, limit.Limits{Starts: 1000, Max: 10})
	k := f.socket(0)
	k.Service.Usage()
	if n := testing.AllocsPerRun(100, func() {
		f.MayStart(k.Service)
		f.Arm(k)
		f.Unhold(k.Service.Used)
		f.Rearm()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
