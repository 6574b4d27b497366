package inetd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"inetd/internal/freeport"
	"inetd/internal/limit"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// serving returns a Server of a configuration file; the test turns its loop. Only one may
// exist in a process at a time, as it waits for all children of the process; so tests that
// use it run one after the other, or apart.
func serving(tb testing.TB, file string) *Server {
	log := syslog.New(syslog.Options{Target: syslog.Stderr, Level: syslog.Err, Stderr: tb.Output()})
	s, err := New(Config{Config: plan.Config{Files: []string{file}, Explicit: true}, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.close()
		log.Close(0)
	})
	reloaded(tb, s)
	return s
}

// servingText is like serving, for a configuration file with a text.
func servingText(tb testing.TB, text string) *Server {
	file := filepath.Join(tb.TempDir(), "inetd.conf")
	writeConf(tb, file, text)
	return serving(tb, file)
}

// reloaded turns the loop through one load.
func reloaded(tb testing.TB, s *Server) (out Outcome) {
	done := false
	s.reload(func(o Outcome) { out, done = o, true })
	for !done && s.failure == nil {
		s.turn()
	}
	if s.failure != nil || out.Err != nil {
		tb.Fatal(s.failure, out.Err)
	}
	return out
}

func writeConf(tb testing.TB, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// visitor is a client that can connect without any garbage.
type visitor struct {
	tb testing.TB
	to unix.Sockaddr
	of int // the service
}

// newVisitor returns a client of the only service of s. It turns off what the loop does
// from time to time, which would otherwise count as a cost of the connections.
func newVisitor(tb testing.TB, s *Server) visitor {
	s.timers, s.running.Sweep = loop.Timers{}, nil
	to, err := unix.Getsockname(int(s.now.Services[0].First.FD))
	if err != nil {
		tb.Fatal(err)
	}
	return visitor{tb, to, 0}
}

// visit connects, has the loop accept and start the server, and returns when the server
// has been reaped.
func (c visitor) visit(s *Server) {
	before := s.now.Services[c.of].Usage().Starts
	c.served(s, c.connect(), before)
}

func (c visitor) connect() (fd int) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, c.to)
	}
	if err != nil {
		c.tb.Fatal(err)
	}
	return fd
}

// served turns the loop until there has been a start since before, and the server has been
// reaped.
func (c visitor) served(s *Server, fd int, before limit.Window) {
	for s.now.Services[c.of].Used.Starts == before {
		s.turn()
	}
	unix.Close(fd)
	for s.running.Len() > 0 {
		s.reap()
	}
}

// oneService returns a configuration file with one service, on a free port.
func oneService(tb testing.TB) string {
	port, err := freeport.Claim()
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "inetd.conf")
	writeConf(tb, file, fmt.Sprintf("127.0.0.1:%d stream tcp4 nowait - /bin/true\n", port))
	return file
}

// TestSuspensionEnds: a service that has had its starts of an interval is not polled for
// the rest of the interval; then the client that has waited is served.
func TestSuspensionEnds(t *testing.T) {
	s := serving(t, oneService(t))
	c := newVisitor(t, s)
	v := s.now.Services[0]
	v.Do.Limits.Starts = 2
	full := limit.Window{Start: time.Now().Add(300*time.Millisecond - limit.Interval), Count: 2}
	v.Usage().Starts = full
	fd := c.connect()
	for !v.Used.Halted {
		if s.turn(); v.Used.Starts != full {
			t.Skip("too slow: the interval was over before the client came")
		}
	}
	if v.First.Polled {
		t.Error("a suspended service is polled")
	}
	c.served(s, fd, full)
	if early := limit.Interval - time.Since(full.Start); early > 0 {
		t.Errorf("the suspension ended %v early", early)
	}
	if v.Used.Starts.Count != 1 {
		t.Errorf("%d starts in the new interval, want 1", v.Used.Starts.Count)
	}
}

// TestLendAgain: a socket that comes back from a wait server with something waiting is lent
// again at once, unless its service may not or need not lend it any more.
func TestLendAgain(t *testing.T) {
	s := serving(t, oneService(t))
	c := newVisitor(t, s)
	v := s.now.Services[0]
	for _, tt := range []struct {
		name              string
		mode              plan.Mode
		suspended, polled bool
		servers           int
	}{
		{"wait", plan.Lend, false, false, 1},
		{"suspended", plan.Lend, true, false, 0},
		{"now nowait", plan.Accept, false, true, 0},
	} {
		v.Do.Mode, v.Usage().Halted = tt.mode, tt.suspended
		s.gate.Disarm(v.First)
		fd := c.connect()
		s.relend = append(s.relend, v.First)
		s.lendAgain()
		if s.running.Len() != tt.servers || v.First.Polled != tt.polled || len(s.relend) > 0 {
			t.Errorf("%s: %d servers, polled %v, %d to lend; want %d, %v, 0", tt.name, s.running.Len(), v.First.Polled, len(s.relend), tt.servers, tt.polled)
		}
		unix.Close(fd)
		for _, p := range s.running.All() { // the server has not accepted, and no other is to follow it
			p.Lent = nil
		}
		v.First.Server = 0
		for s.running.Len() > 0 {
			s.reap()
		}
	}
}

// TestReapedServerIsNotPolled: until its exec a child has copies of the daemon's pidfds.
// Pidfds that the daemon has closed meanwhile must not wake the loop again and again.
func TestReapedServerIsNotPolled(t *testing.T) {
	s := serving(t, oneService(t))
	s.now.Services[0].Do.Limits.Max = 9 // so that servers get pidfds
	fd := newVisitor(t, s).connect()
	defer unix.Close(fd)
	for s.running.Len() == 0 {
		s.turn()
	}
	for _, p := range s.running.All() {
		dup, err := unix.FcntlInt(uintptr(p.PidFD()), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(dup)
	}
	for s.running.Len() > 0 {
		s.turn()
	}
	for _, ev := range s.poll.Wait(0) {
		if loop.Tag(ev.Pad) == tagProcess {
			t.Error("the pidfd of a server that was reaped is polled still")
		}
	}
}

func TestStartAllocatesNothing(t *testing.T) {
	startsAllocateNothing(t, serving(t, oneService(t)))
}

// startsAllocateNothing visits the only service, and wants no allocation. The best of a few
// rounds counts, because what earlier tests have left running allocates too.
func startsAllocateNothing(t *testing.T, s *Server) {
	t.Helper()
	if !s.starter.Clone() {
		t.Skip("clone3 is not available here, and ForkExec allocates")
	}
	c := newVisitor(t, s)
	var n float64
	for range 5 {
		if n = testing.AllocsPerRun(20, func() { c.visit(s) }); n == 0 {
			return
		}
	}
	t.Errorf("%v allocations for each connection", n)
}

// BenchmarkStart measures the plain path: accept, start, reap. Most of the time is the
// server's own.
func BenchmarkStart(b *testing.B) {
	s := serving(b, oneService(b))
	c := newVisitor(b, s)
	c.visit(s)
	b.ReportAllocs()
	for b.Loop() {
		c.visit(s)
	}
}

// BenchmarkStartBounds compares, by turns, a connection of an entry with five bounds and
// one of an entry without: what each costs the daemon and the servers.
func BenchmarkStartBounds(b *testing.B) {
	file := oneService(b)
	plain, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	writeConf(b, file, string(plain)+"127.9.0.1:40000 on protocol = tcp4, wait = no, user = -, exec = /bin/true, service_max = 0,\n"+
		"\trlimit_as = 1g, rlimit_nofile = 64, nice = 1, umask = 077, no_new_privs = yes;\n* with service_max = 0;\n")
	s := serving(b, file)
	visitors := []visitor{newVisitor(b, s), {b, nil, 1}}
	if visitors[1].to, err = unix.Getsockname(int(s.now.Services[1].First.FD)); err != nil {
		b.Fatal(err)
	}
	var spent [2]time.Duration
	for b.Loop() {
		for i, c := range visitors {
			fd, u := c.connect(), s.now.Services[c.of].Usage()
			own, children, starts := processorTime(b), childrenTime(b), u.Starts
			for u.Starts == starts {
				s.turn()
			}
			own = processorTime(b) - own // without the wait for the end
			c.served(s, fd, starts)
			spent[i] += own + childrenTime(b) - children
		}
	}
	b.ReportMetric(float64(spent[0].Microseconds())/float64(b.N), "us-plain")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "times")
}

// childrenTime returns the processor time of all children that were reaped.
func childrenTime(tb testing.TB) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// manyServices returns a configuration of 5,000 services, the last one with the given
// argument.
func manyServices(argument int) string {
	var b bytes.Buffer
	const n, port = 5000, 40000
	for i := range n - 1 {
		fmt.Fprintf(&b, "127.9.0.1:%d stream tcp4 nowait - /bin/true\n", port+i)
	}
	fmt.Fprintf(&b, "127.9.0.1:%d stream tcp4 nowait - /bin/true true %d\n", port+n, argument)
	return b.String()
}

// BenchmarkStart5000 measures all that lies between the command and the open sockets.
func BenchmarkStart5000(b *testing.B) {
	file := filepath.Join(b.TempDir(), "inetd.conf")
	writeConf(b, file, manyServices(0))
	var spent time.Duration
	for b.Loop() {
		before := processorTime(b)
		s := serving(b, file)
		spent += processorTime(b) - before
		b.StopTimer()
		s.close()
		b.StartTimer()
	}
	reportTimes(b, spent)
}

// BenchmarkReload5000 measures a reload that changes one service of 5,000.
func BenchmarkReload5000(b *testing.B) {
	file := filepath.Join(b.TempDir(), "inetd.conf")
	writeConf(b, file, manyServices(0))
	s := serving(b, file)
	var spent time.Duration
	for i := 1; b.Loop(); i++ {
		b.StopTimer()
		writeConf(b, file, manyServices(i))
		b.StartTimer()
		before := processorTime(b)
		if out := reloaded(b, s); len(out.Changed) != 1 {
			b.Fatalf("%d services changed", len(out.Changed))
		}
		spent += processorTime(b) - before
	}
	reportTimes(b, spent)
}

// reportTimes reports what one round took, by the clock and in this process's CPU time.
func reportTimes(b *testing.B, spent time.Duration) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(ms(b.Elapsed()), "ms/op")
	b.ReportMetric(ms(spent), "cpu-ms/op")
}

// processorTime returns the CPU time that this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
