package keep

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inetd/internal/child/childtest"
	"inetd/internal/gate"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A fixture has Sockets whose services have UNIX-domain sockets in a directory.
type fixture struct {
	*Sockets
	dir  string
	book *booktest.Book
}

// said returns all that was logged.
func (f *fixture) said() string { return strings.ReplaceAll(f.book.Lines(), f.dir, "DIR") }

func newFixture(t *testing.T) *fixture {
	t.Helper()
	starter := childtest.New(t)
	poll := looptest.NewPoll(t)
	f := &fixture{dir: t.TempDir(), book: booktest.New(t)}
	log, timers, now := f.book.Book, f.book.Timers, f.book.Now
	f.Sockets = New(Loop{
		Starter: starter, Poll: poll, Timers: timers, Log: log, Now: now,
		Running: running.New(starter, poll, 1, timers, log), Beside: loop.NewBeside(nil, 0, 0),
		Gate: gate.New(gate.Loop{Poll: poll, Timers: timers, Log: log, Now: now, Bound: func(*table.Service) gate.Bound { return gate.Unbound }}),
	})
	t.Cleanup(func() { f.Close() })
	return f
}

// generation returns one with a service for each name, at the path of that name.
func (f *fixture) generation(names ...string) *table.Generation {
	g := &table.Generation{Names: []string{"a.conf"}}
	for i, name := range names {
		do := &table.Action{Action: &plan.Action{Mode: plan.Accept, Listens: true, Options: sock.Options{Backlog: 5, Mode: 0o600, UID: -1, GID: -1}}}
		v := &table.Service{Label: name, At: table.Place{Line: uint32(i + 1)}, Do: do}
		v.Add(&table.Socket{Spec: sock.UnixSpec(unix.SOCK_STREAM, filepath.Join(f.dir, name)), Service: v, FD: -1})
		g.Services = append(g.Services, v)
	}
	return g
}

// socket returns the socket of a service in force.
func (f *fixture) socket(i int) *table.Socket { return f.loop.Now.Services[i].First }

// TestMerge: a socket that is still wanted stays open and its service keeps its usage; one
// that is no longer wanted is closed; and a service that comes back has its usage again.
func TestMerge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Merge(f.generation("a", "b"))
	a, b := f.socket(0), f.socket(1)
	if a.FD < 0 || b.FD < 0 || !a.Polled || f.At(int(b.FD)) != b || f.Serving() != "2 services" {
		t.Fatalf("%+v and %+v are open, %s", a, b, f.Serving())
	}
	used, fd, file := b.Service.Usage(), b.FD, sock.FileOf(b.Spec)
	f.Merge(f.generation("b", "c"))
	if k := f.socket(0); k != b || k.FD != fd || k.Service != f.loop.Now.Services[0] || k.Service.Used != used || !k.Polled || sock.FileOf(k.Spec) != file {
		t.Errorf("what stays is %+v", k)
	}
	if k := f.socket(1); k.FD < 0 || !k.Polled {
		t.Errorf("what is new is %+v", k)
	}
	if _, err := os.Lstat(filepath.Join(f.dir, "a")); !a.Closed || a.FD >= 0 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is removed is %+v, its path %v", a, err)
	}
	if len(f.paths) != 2 {
		t.Errorf("%d paths are remembered", len(f.paths))
	}
	f.Merge(f.generation("c"))
	f.Merge(f.generation("b", "c"))
	if f.socket(0).Service.Used != used {
		t.Error("what has come back has not what it had used")
	}
	if log := f.said(); log != "" {
		t.Error(log)
	}
}

// TestNotOpened: a socket that cannot be opened is tried again. The log says once why it
// is not open, and once that it has been opened.
func TestNotOpened(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Retry = time.Millisecond
	f.Merge(f.generation("a", "no/b"))
	k := f.socket(1)
	if err := f.Fault(k); !errors.Is(err, unix.ENOENT) || k.FD >= 0 || f.Serving() != "1 of 2 services" {
		t.Errorf("%v, descriptor %d, %s", err, k.FD, f.Serving())
	}
	turn := func() {
		time.Sleep(max(f.book.Timers.Next(), 0))
		f.book.Timers.Expire()
	}
	for range 3 {
		turn()
	}
	if err := os.Mkdir(filepath.Join(f.dir, "no"), 0o700); err != nil {
		t.Fatal(err)
	}
	for k.FD < 0 {
		turn()
	}
	if err := f.Fault(k); err != nil {
		t.Errorf("it is open, and there is %v", err)
	}
	log := f.said()
	if strings.Count(log, "No such file or directory (DIR/no/b, a.conf:2); it will be tried again") != 1 || !strings.Contains(log, "no/b: DIR/no/b: opened\n") || strings.Count(log, "\n") != 2 {
		t.Error(log)
	}
}

// TestTakeBack: when a wait server has ended, its changes to the socket are undone.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, log string
		harm      func(f *fixture, k *table.Socket)
	}{
		{"nothing", "", func(*fixture, *table.Socket) {}},
		{"non-blocking", "the last server has left its socket non-blocking; it is blocking again", func(_ *fixture, k *table.Socket) { unix.SetNonblock(int(k.FD), true) }},
		{"shut down", "the last server has shut its socket down; it was opened again", func(_ *fixture, k *table.Socket) { unix.Shutdown(int(k.FD), unix.SHUT_RDWR) }},
		{"removed", "the last server has removed or replaced its path; it was opened again", func(f *fixture, k *table.Socket) { os.Remove(k.Spec.Path()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			g := f.generation("a")
			g.Services[0].Do.Options.Blocking = true
			f.Merge(g)
			k := f.socket(0)
			k.Server = 7
			f.loop.Gate.Disarm(k)
			tt.harm(f, k)
			if !f.TakeBack(k, k.Service.Do.Options) || k.Server != 0 {
				t.Errorf("it is %+v", k)
			}
			st := sock.Look(int(k.FD), k.Spec, k.Service.Do.Options)
			if st.NonBlocking || st.Deaf || f.displaced(k) != "" {
				t.Errorf("its state is %+v", st)
			}
			if log := f.said(); !strings.Contains(log, tt.log) || strings.Count(log, "\n") != min(len(tt.log), 1) {
				t.Error(log)
			}
		})
	}
}

// TestManager: a service that asks for a socket of the service manager gets it, and the
// socket stays open until the daemon ends.
func TestManager(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var fds []int
	for _, name := range []string{"a", "unused"} {
		fd, _, err := sock.Open(sock.UnixSpec(unix.SOCK_STREAM, filepath.Join(f.dir, name)), sock.Options{Backlog: 5, UID: -1, GID: -1}, 3)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	f.Adopt(fds)
	f.Merge(f.generation("a", "b"))
	k := f.socket(0)
	if !f.Managers(k) || f.Managers(f.socket(1)) || len(f.Specs()) != 2 {
		t.Errorf("%v are the service manager's", f.Specs())
	}
	f.TellUnused()
	fd := k.FD
	f.Merge(f.generation("b"))
	if _, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		t.Errorf("it was closed: %v", err)
	}
	if f.Merge(f.generation("a")); f.socket(0).FD != fd {
		t.Errorf("it has descriptor %d, and had %d", f.socket(0).FD, fd)
	}
	if log := f.said(); !strings.HasSuffix(log, "DIR/unused: opened by the service manager, and no entry asks for it\n") || strings.Count(log, "\n") != 1 {
		t.Error(log)
	}
	f.Close()
	f.inherited = nil // they are closed; the cleanup closes again
	for _, name := range []string{"a", "unused"} {
		if c, err := net.Dial("unix", filepath.Join(f.dir, name)); err == nil {
			c.Close()
			t.Errorf("%s is open in the end", name)
		}
	}
}

// TestFitness: what is known of servers is forgotten when an entry gets another program.
func TestFitness(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"": true, "/bin/other": false} {
		f := newFixture(t)
		f.Merge(f.generation("a"))
		u := f.socket(0).Service.Usage()
		u.Fitness.Sound = true
		g := f.generation("a")
		g.Services[0].Do.Path = path
		if f.Merge(g); f.socket(0).Service.Used != u || u.Fitness.Sound != want {
			t.Errorf("program %q: %+v", path, u.Fitness)
		}
	}
}

// TestSuspendedAnew: a reload that changes the window of a suspended service sets a timer
// for the end of the new window. If the window is the same, the old timer will do.
func TestSuspendedAnew(t *testing.T) {
	t.Parallel()
	for window, timers := range map[time.Duration]int{time.Hour: 0, time.Minute: 1} {
		f := newFixture(t)
		limited := func(window time.Duration) *table.Generation {
			g := f.generation("a")
			g.Services[0].Do.Limits = limit.Limits{Starts: 1, Window: window}
			return g
		}
		f.Merge(limited(time.Hour))
		u := f.socket(0).Service.Usage()
		u.Starts.Admit(time.Now(), 1, time.Hour)
		u.Halted = true
		f.Merge(limited(window))
		if n := f.book.Timers.Len(); n != timers || !u.Halted || f.socket(0).Polled {
			t.Errorf("%v: %d timers, halted %v", window, n, u.Halted)
		}
	}
}

// TestLent: a reload leaves alone a socket that a wait server has, even if its path is
// gone or its options have changed.
func TestLent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Merge(f.generation("a"))
	k := f.socket(0)
	fd := k.FD
	k.Server = 7
	if err := os.Remove(k.Spec.Path()); err != nil {
		t.Fatal(err)
	}
	g := f.generation("a")
	g.Services[0].Do.Options.Backlog++
	if f.Merge(g); k.FD != fd || k.Server != 7 {
		t.Errorf("it is %+v", k)
	}
	if log := f.said(); log != "a: process 7 still has the socket (a.conf:1); the change takes effect when it ends\n" {
		t.Error(log)
	}
}

// TestLentPath: the path of a socket that a wait server has gets its new mode at once.
func TestLentPath(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Merge(f.generation("a"))
	k := f.socket(0)
	k.Server = 7
	g := f.generation("a")
	g.Services[0].Do.Options.Mode = 0o640
	f.Merge(g)
	if info, err := os.Stat(k.Spec.Path()); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if log := f.said(); log != "" {
		t.Error(log)
	}
}

// TestNetworkUnwatched: where the kernel polls no more descriptors, the one that would tell
// of the network is closed. It is alone: it counts the descriptors of the process.
func TestNetworkUnwatched(t *testing.T) {
	f := newFixture(t)
	f.loop.Poll = &loop.Poll{} // polls nothing
	g := f.generation("a")
	g.Services[0].First.Spec = sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Addr: netip.MustParseAddrPort("192.0.2.1:7")}
	before := descriptors(t)
	f.Merge(g)
	if now := descriptors(t); now != before || f.network.fd >= 0 {
		t.Errorf("%d descriptors, then %d", before, now)
	}
	if log := f.said(); !strings.Contains(log, "changes of interfaces are not noticed: epoll_ctl") {
		t.Error(log)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestRetry: attempts become rarer up to a bound. A reload makes the delays begin anew, and
// then only the last timer counts.
func TestRetry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Retry = time.Millisecond
	f.Merge(f.generation("no/a"))
	k := f.socket(0)
	f.Retry = 2 * maxRetry / 3
	f.retry(k) // as a reload does
	for _, want := range []time.Duration{f.Retry, maxRetry, maxRetry} {
		if got := f.faults[k].delay; got != want {
			t.Errorf("the next attempt comes after %v, want %v", got, want)
		}
		f.open(k)
	}
	last := f.faults[k]
	time.Sleep(max(f.book.Timers.Next(), 0))
	if f.book.Timers.Expire(); f.faults[k] != last {
		t.Error("a timer of before has it tried once more")
	}
}

// TestVacated: when the wait server of a removed service ends, the socket that needs its
// address is opened.
func TestVacated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Merge(f.generation("a", "b"))
	for i := range 2 {
		f.closeSocket(f.socket(i))
		f.faults[f.socket(i)] = &fault{err: unix.EADDRINUSE, delay: time.Hour}
	}
	port := func(k *table.Socket, n uint16) {
		k.Spec = sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), n)}
	}
	port(f.socket(0), 0)
	port(f.socket(1), 1)
	f.vacated(&table.Socket{Spec: f.socket(0).Spec})
	if f.socket(0).FD < 0 || f.socket(1).FD >= 0 {
		t.Errorf("they have descriptors %d and %d", f.socket(0).FD, f.socket(1).FD)
	}
}

// TestNetworkChanges: many changes at once have the sockets checked once, and later changes
// once more.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 2 {
		f.NetworkChanges()
		if f.NetworkChanges(); f.book.Timers.Len() != 1 {
			t.Fatalf("%d timers", f.book.Timers.Len())
		}
		time.Sleep(f.book.Timers.Next())
		f.book.Timers.Expire()
	}
}

// TestMended: a fault that comes again and again is logged once.
func TestMended(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Merge(f.generation("a"))
	for range 3 {
		f.mended(f.socket(0), "the last server has done it")
	}
	if log := f.said(); log != "a: the last server has done it (a.conf:1)\n" {
		t.Error(log)
	}
}

// TestRestore: the options of a socket are checked once a second at most, but after every
// server once a server has changed one.
func TestRestore(t *testing.T) {
	t.Parallel()
	for harmful, want := range map[bool]int{false: 1, true: 0} {
		f := newFixture(t)
		g := f.generation("a")
		g.Services[0].Do.Options.Blocking = true
		f.Merge(g)
		k := f.socket(0)
		change := func() { unix.SetsockoptInt(int(k.FD), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1) }
		if harmful {
			change()
		}
		f.TakeBack(k, k.Service.Do.Options)
		k.Service.Usage().Looked = time.Now().Add(time.Hour) // in case the test is slow
		change()
		f.TakeBack(k, k.Service.Do.Options)
		if got, err := unix.GetsockoptInt(int(k.FD), unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != want || err != nil {
			t.Errorf("harmful before %v: SO_KEEPALIVE is %d, %v", harmful, got, err)
		}
	}
}

// TestRegistrations: a program that is served at two addresses is registered once for each
// version and transport.
func TestRegistrations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	g := f.generation("a")
	v := g.Services[0]
	v.First = nil
	v.Do.RPC = plan.RPC{Number: 100001, Low: 1, High: 2}
	for _, addr := range []string{"127.0.0.1:0", "127.0.0.2:0"} {
		spec := sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort(addr)}
		fd, _, err := sock.Open(spec, v.Do.Options, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		v.Add(&table.Socket{Spec: spec, Service: v, FD: int32(fd)})
	}
	f.loop.Now.Generation = g
	list := f.registrations()
	f.loop.Now.Generation = &table.Generation{}
	if len(list) != 2 || list[0].Version == list[1].Version {
		t.Errorf("%+v", list)
	}
}
