package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/child/childtest"
	"inetd/internal/client"
	"inetd/internal/conf"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/sock/socktest"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// ward is a Doctor with its log, and a service with a program.
type ward struct {
	*Doctor
	*booktest.Book
	v       *table.Service
	program *child.Program
	mail    *looptest.Mailbox
}

func newWard(t *testing.T, path string) *ward {
	t.Helper()
	starter := childtest.New(t)
	poll := looptest.NewPoll(t)
	profile, err := starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	w := &ward{Book: booktest.New(t), mail: looptest.New(t)}
	if w.program, err = profile.Program(path, []string{"server"}); err != nil {
		t.Fatal(err)
	}
	w.v = &table.Service{Label: "one/tcp", At: table.Place{Line: 1}, Do: &table.Action{Action: &plan.Action{Mode: plan.Accept}, Program: w.program}}
	w.Doctor = New(w.Book.Book, starter, running.New(starter, poll, 1, w.Timers, w.Book.Book), loop.NewBeside(w.mail.Mailbox, MaxExaminations, ExamineTime))
	return w
}

// answers waits until all examinations are over.
func (w *ward) answers() { w.mail.Until(func() bool { return w.beside.Len() == 0 }) }

// end reports the end of a server that has lived for some time.
func (w *ward) end(lived time.Duration, st child.Status) {
	st.Pid = 7
	w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Begun: time.Now().Add(-lived).UnixNano()}, st)
	w.answers()
}

// exit and killed are the ways a server ends.
func exit(code int) child.Status {
	return child.Status{Stage: child.Run, Wait: syscall.WaitStatus(code << 8)}
}
func killed(sig syscall.Signal) child.Status {
	return child.Status{Stage: child.Run, Wait: syscall.WaitStatus(sig)}
}

// TestEnds: what is logged of servers by the way they end, and how often.
func TestEnds(t *testing.T) {
	t.Parallel()
	const failing = "one/tcp: /bin/sh[7]: exit status 3 again and again (3 in a row, inetd.conf:1); its client reads what it says on standard error, which the key stderr = log brings here\n"
	for _, tt := range []struct {
		name string
		ends []child.Status
		want string
	}{
		{"well", []child.Status{exit(0), exit(0), exit(0)}, ""},
		{"two errors", []child.Status{exit(3), exit(3)}, ""},
		{"three errors", []child.Status{exit(3), exit(3), exit(3)}, failing},
		{"with one in between", []child.Status{exit(3), exit(3), exit(0), exit(3), exit(3)}, ""},
		{"many errors", slices.Repeat([]child.Status{exit(3)}, 12), failing},
		{"a crash", []child.Status{killed(unix.SIGSEGV), killed(unix.SIGSEGV)}, "one/tcp: /bin/sh[7]: exit signal 11 (segmentation fault, inetd.conf:1)\n"},
		{"told to end", []child.Status{killed(unix.SIGTERM)}, ""},
		{"no command", []child.Status{exit(127), exit(127)}, "one/tcp: /bin/sh[7]: exit status 127 (inetd.conf:1): a shell ends so when it does not find a command; its PATH is that of the daemon\n"},
		{"not a command", []child.Status{exit(126)}, "one/tcp: /bin/sh[7]: exit status 126 (inetd.conf:1): a shell ends so when it may not execute a command\n"},
	} {
		w := newWard(t, "/bin/sh")
		for _, st := range tt.ends {
			w.end(time.Minute, st)
		}
		if got := w.Lines(); got != tt.want {
			t.Errorf("%s:\n got %swant %s", tt.name, got, tt.want)
		}
	}
}

// TestWaitEnds: what is logged of wait servers by the way they end.
func TestWaitEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		st   child.Status
		kill int64 // not 0: the daemon has ended it
		want string
	}{
		{"well", exit(0), 0, ""},
		{"an error", exit(3), 0, "one/tcp: /bin/sh[7]: exit status 3 (inetd.conf:1)\n"},
		{"a signal", killed(unix.SIGTERM), 0, "one/tcp: /bin/sh[7]: exit signal 15 (terminated, inetd.conf:1)\n"},
		{"its output", killed(unix.SIGPIPE), 0, "one/tcp: /bin/sh[7]: exit signal 13 (broken pipe, inetd.conf:1): its standard output is the listening socket; a server that does not accept connections itself needs nowait\n"},
		{"the daemon has ended it", killed(unix.SIGTERM), 1, ""},
	} {
		w := newWard(t, "/bin/sh")
		tt.st.Pid = 7
		lent := &table.Socket{Spec: sock.Spec{Type: unix.SOCK_STREAM}, Service: w.v}
		w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Lent: lent, Kill: tt.kill}, tt.st)
		if got := w.Lines(); got != tt.want {
			t.Errorf("%s:\n got %swant %s", tt.name, got, tt.want)
		}
	}
}

// TestCramped: a crash may be for want of memory where the entry bounds it.
func TestCramped(t *testing.T) {
	t.Parallel()
	const hint = "; rlimit_as = 1m may be too little for it (b.conf:9)\n"
	for _, tt := range []struct {
		sig  syscall.Signal
		want bool
	}{{unix.SIGSEGV, true}, {unix.SIGABRT, true}, {unix.SIGILL, false}} {
		for _, lent := range []*table.Socket{nil, {Spec: sock.Spec{Type: unix.SOCK_STREAM}, FD: -1}} {
			w := newWard(t, "/bin/sh")
			w.v.Do.Asks = []plan.Ask{{Key: "umask", Text: "umask = 077"}, {Key: "rlimit_as", Text: "rlimit_as = 1m", At: conf.Pos{File: "b.conf", Line: 9}}}
			p := &running.Process{Service: w.v, Program: w.program, PID: 7, Lent: lent}
			w.Ended(p, killed(tt.sig))
			if got := w.Lines(); strings.HasSuffix(got, hint) != tt.want {
				t.Errorf("%v: %s", tt.sig, got)
			}
			for range patience {
				w.TookNothing(w.v, p, killed(tt.sig))
			}
			if got := w.Lines(); strings.Contains(got, needsNowait) {
				t.Errorf("%v: told that it needs nowait: %s", tt.sig, got)
			}
		}
	}
}

// TestSuspect: after a server that has ended at once, the next one's connection is
// watched, but not after a server that has lived for longer.
func TestSuspect(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/bin/sh")
	c, conn := socktest.Pair(t)
	if fd := w.Probe(w.v, conn); fd != 0 {
		t.Errorf("%d is watched of a server that is not suspect", fd)
	}
	w.end(0, exit(0))
	fd := w.Probe(w.v, conn)
	if fd <= 0 {
		t.Fatal("it is not watched")
	}
	w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Probe: fd, Begun: time.Now().UnixNano()}, exit(0))
	w.answers()
	if fd := w.Probe(w.v, conn); fd != 0 {
		t.Errorf("%d is watched after one that was", fd)
	}
	w.v.Usage().Fitness = table.Fitness{}
	w.end(0, exit(0))
	w.end(time.Minute, exit(0))
	if fd := w.Probe(w.v, conn); fd != 0 {
		t.Errorf("%d is watched after one that was all right", fd)
	}
	unix.Close(conn)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("a descriptor of the connection is open: %d, %v", n, err)
	}
}

// TestNotStarted: a failure is logged once, with its cause, and again if a server was
// started in between.
func TestNotStarted(t *testing.T) {
	t.Parallel()
	const missing = "execv /nonexistent/x: No such file or directory"
	w := newWard(t, "/nonexistent/x")
	st := child.Status{Stage: child.Exec, Errno: unix.ENOENT}
	fail := func() {
		w.NotStarted(w.v, w.program, " from him", st)
		w.answers()
	}
	fail()
	fail()
	first := w.Lines()
	if strings.Count(first, missing) != 1 || !strings.Contains(first, "(one/tcp from him, inetd.conf:1)") {
		t.Errorf("told %s", first)
	}
	if u := w.v.Usage(); u.Failed != 2 || len(u.Failing) != 1 {
		t.Errorf("%d failures are counted, of %d kinds", u.Failed, len(u.Failing))
	}
	w.Works(w.v.Usage())
	fail()
	if got := strings.TrimPrefix(w.Lines(), first); strings.Count(got, missing) != 1 {
		t.Errorf("told after a start: %q", got)
	}
}

// TestKeyNotGiven: if the system refuses what a key asks for, the log names the key.
func TestKeyNotGiven(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/bin/true")
	at := conf.Pos{File: "b.conf", Line: 9}
	w.v.Do.Keys = &conf.Keys{Nice: -5, Options: []conf.Option{{Key: conf.Word{Text: "nice", Pos: at}}}}
	w.v.Do.Asks = []plan.Ask{{Key: "nice", At: at}}
	w.NotStarted(w.v, w.program, "", child.Status{Stage: child.Nice, Errno: unix.EACCES})
	if got := w.Lines(); !strings.Contains(got, "nice") || !strings.Contains(got, "at b.conf:9 cannot be given") {
		t.Errorf("told %q", got)
	}
}

// TestTookNothing: a wait server that takes nothing is started less and less often, and
// the third in a row is logged.
func TestTookNothing(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/bin/sh")
	lent := &table.Socket{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM}, Service: w.v, FD: -1}
	p := &running.Process{Service: w.v, Program: w.program, Lent: lent}
	var before time.Duration
	for n := 1; n <= 20; n++ {
		d := w.TookNothing(w.v, p, exit(1))
		if d < before || d < minRestart || d > maxRestart {
			t.Errorf("after %d: %v, and before %v", n, d, before)
		}
		before = d
		if told := strings.Count(w.Lines(), "has not accepted a connection"); told != min(n/patience, 1) {
			t.Errorf("after %d: %d lines", n, told)
		}
	}
	if before != maxRestart {
		t.Errorf("at last %v", before)
	}
}

// TestErrorsInARow: only errors within some time are in a row. Those of nowait datagram
// servers do not count: the daemon knows more of them, and logs it elsewhere.
func TestErrorsInARow(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/bin/sh")
	w.streaks[w.v.Usage()] = streak{n: failCount - 1, begun: time.Now().Add(-failWindow - time.Second)}
	w.end(time.Minute, exit(3))
	for range failCount {
		w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Client: client.Client{Session: &client.Session{}}}, exit(3))
	}
	w.answers()
	if got := w.Lines(); got != "" {
		t.Errorf("told %s", got)
	}
}

// TestDatagramNobodyTakes: a datagram is dropped once three servers have not taken it,
// and not before.
func TestDatagramNobodyTakes(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/bin/sh")
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(fd, []byte("x"), 0, at); err != nil {
		t.Fatal(err)
	}
	socktest.Await(t, fd)
	lent := &table.Socket{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP}, Service: w.v, FD: int32(fd)}
	for n := 1; n <= patience; n++ {
		w.TookNothing(w.v, &running.Process{Service: w.v, Program: w.program, Lent: lent}, exit(0))
		if got := sock.Readable(fd); got != (n < patience) {
			t.Errorf("after %d servers there is a datagram: %v", n, got)
		}
	}
}

// TestSettled: it is looked up once per service where a server that lives on listens, but
// again if the first server ended before that.
func TestSettled(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprint("ends ", ends), func(t *testing.T) {
			t.Parallel()
			w := newWard(t, "/bin/sh")
			u := w.v.Usage()
			p := w.running.Track(1<<30, &running.Process{Service: w.v, Program: w.program, Begun: 1}, false) // no process has this number
			before := w.Timers.Len()
			w.Settled(p)
			w.Settled(p)
			if n := w.Timers.Len() - before; n != 1 || !u.Examined {
				t.Errorf("it is asked %d times", n)
			}
			if ends {
				p.Begun = 2 // the record is another's
			}
			for w.Timers.Len() > 0 {
				time.Sleep(w.Timers.Next())
				w.Timers.Expire()
			}
			w.answers()
			if u.Examined == ends {
				t.Errorf("examined %v", u.Examined)
			}
		})
	}
}

// TestWhySuspended: if clients still wait after so many starts, the service needs nowait.
func TestWhySuspended(t *testing.T) {
	t.Parallel()
	fd := socktest.Listen(t)
	v := &table.Service{Do: &table.Action{Action: &plan.Action{Mode: plan.Lend}}}
	v.Add(&table.Socket{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP}, Service: v, FD: int32(fd)})
	if got := WhySuspended(v); got != "" {
		t.Errorf("without clients: %q", got)
	}
	socktest.Dial(t, fd)
	if got := WhySuspended(v); got != needsNowait {
		t.Errorf("with one: %q", got)
	}
}

// TestNotStartedWhileMuchIsLookedInto: with too many examinations, failures are logged
// without their causes, at once, and the log says so once.
func TestNotStartedWhileMuchIsLookedInto(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/nonexistent/x")
	defer w.lookInto()()
	for _, errno := range []syscall.Errno{unix.ENOENT, unix.EACCES} {
		w.NotStarted(w.v, w.program, "", child.Status{Stage: child.Exec, Errno: errno})
	}
	const want = `not everything that fails is looked into: 1 examination is under way
execv /nonexistent/x: No such file or directory (one/tcp, inetd.conf:1)
execv /nonexistent/x: Permission denied (one/tcp, inetd.conf:1)
`
	if got := w.Lines(); got != want {
		t.Errorf("told %q", got)
	}
}

// TestExaminationHangs: a failure whose examination does not come back is logged without
// its cause.
func TestExaminationHangs(t *testing.T) {
	t.Parallel()
	w := newWard(t, "/nonexistent/x")
	w.beside.Limit = 0
	defer w.lookInto()()
	w.answers()
	w.NotStarted(w.v, w.program, "", child.Status{Stage: child.Exec, Errno: unix.ENOENT})
	const want = `not everything that fails is looked into: 1 examination has not ended within 0s; does a file system not answer?
one/tcp: without cause
execv /nonexistent/x: No such file or directory (one/tcp, inetd.conf:1)
`
	if got := w.Lines(); got != want {
		t.Errorf("told %q", got)
	}
}

// TestNotExamined: if there is no room for an examination, the daemon's descriptor of the
// connection is closed.
func TestNotExamined(t *testing.T) {
	t.Parallel()
	c, fd := socktest.Connection(t)
	w := newWard(t, "/bin/sh")
	w.beside.Max = 0
	w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Probe: fd, Begun: time.Now().UnixNano()}, exit(0))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the connection is open: %d, %v", n, err)
	}
}

// lookInto has the one examination that is allowed from now on wait until release is called.
// Release waits for its end, or it would write to a descriptor that is another test's by then.
func (w *ward) lookInto() (release func()) {
	w.beside.Max = 1
	over := make(chan bool)
	w.beside.Do(func() func() { <-over; return nothing }, func() { w.Book.Warningf("one/tcp: without cause") })
	return func() {
		close(over)
		w.mail.Until(func() bool { return !w.beside.Full() })
	}
}

// TestEndedIdle: an examination closes the daemon's descriptor of the connection of a
// server that took nothing.
func TestEndedIdle(t *testing.T) {
	t.Parallel()
	c, fd := socktest.Connection(t)
	w := newWard(t, "/bin/sh")
	w.Ended(&running.Process{Service: w.v, Program: w.program, PID: 7, Probe: fd, Begun: time.Now().UnixNano()}, exit(0))
	w.answers()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the connection is open: %d, %v", n, err)
	}
}
