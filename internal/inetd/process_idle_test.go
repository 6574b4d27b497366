package inetd

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// idleServer is set for the servers of these tests, which are this program.
const idleServer = "INETD_TEST_IDLE_SERVER"

// init makes this program a server that accepts clients itself and echoes what they say.
func init() {
	if os.Getenv(idleServer) == "" {
		return
	}
	file := os.Stdin
	if os.Getenv("LISTEN_FDS") != "" {
		file = os.NewFile(3, "socket")
	}
	l, err := net.FileListener(file)
	if err != nil {
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}

// waiting returns the entry of a server that takes its clients itself.
func waiting(wait, keys string) string {
	return fmt.Sprintf("127.0.0.1:PORT on protocol = tcp4, wait = %s, user = -, exec = %s, args = server, env = %s=yes, %s;\n", wait, os.Args[0], idleServer, keys)
}

// turnUntilEnd turns the loop until a connection is closed by the other side.
func (sc *scene) turnUntilEnd(c net.Conn) {
	sc.t.Helper()
	var rest []byte
	var err error
	sc.turnUntil(func() { rest, err = io.ReadAll(c) })
	if len(rest) > 0 || err != nil {
		sc.t.Errorf("it ended with %q, %v", rest, err)
	}
}

// TestIdleTime: a server whose client is silent is ended, whichever way the key is
// written.
func TestIdleTime(t *testing.T) {
	if !apart(t) {
		return
	}
	const cat = "127.0.0.1:PORT stream tcp nowait - /bin/cat\n"
	for _, tt := range []struct{ name, conf, line string }{
		{"whole entry", keyed("-", "idle_time = 200ms", "cat; exit 0"), "1"},
		{"with", cat + "127.0.0.1:PORT with idle_time = 200ms;\n", "2"},
		{"for every entry", "* with idle_time = 200ms;\n" + cat, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, nil)
			sc.start()
			c := sc.dial("tcp4")
			sc.echoed(c, "x")
			sc.turnUntilEnd(c)
			sc.reapAll()
			sc.wantLog(`from ` + c.LocalAddr().String() + ` has been idle for 200ms, its idle_time, and is ended \(.*inetd\.conf:` + tt.line + `\)$`)
		})
	}
}

// TestIdleTimeBusy: a server whose client says something now and then outlives one whose
// client came later and says nothing.
func TestIdleTimeBusy(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, keyed("-", "idle_time = 800ms", "cat"), nil)
	sc.start()
	busy := sc.dial("tcp4")
	sc.echoed(busy, "x")
	silent := sc.dial("tcp4")
	sc.echoed(silent, "once")
	for over, used := sc.ending(silent), time.Now(); !*over; used = time.Now() {
		for due := sc.s.idle.Due(); !*over && sc.s.idle.Due() == due; {
			sc.s.turn()
		}
		if time.Since(used) > 400*time.Millisecond {
			t.Skip("too slow: the busy client was idle itself")
		}
		sc.echoed(busy, "again")
	}
	busy.Close()
	sc.reapAll()
	sc.wantLog(`-from ` + busy.LocalAddr().String() + ` has been idle`)
}

// asked turns the loop until the kernel has been asked about servers that run.
func (sc *scene) asked() {
	sc.t.Helper()
	for due := sc.s.idle.Due(); sc.s.idle.Due() == due; sc.s.turn() {
		if sc.s.running.Len() == 0 {
			sc.t.Fatalf("no server is left to ask about:\n%s", sc.end())
		}
	}
}

// ending returns a flag that the loop sets when a connection has ended.
func (sc *scene) ending(c net.Conn) *bool {
	over := false
	go func() {
		io.Copy(io.Discard, c)
		sc.s.mail.Post(func() { over = true })
	}()
	return &over
}

// TestIdleTimeWait: a server that takes its clients itself is ended when no client is
// connected, and the next client finds another server.
func TestIdleTimeWait(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, wait := range []string{"yes", "listen"} {
		t.Run(wait, func(t *testing.T) {
			sc := newScene(t, waiting(wait, "idle_time = 200ms"), nil)
			sc.start()
			first := sc.dial("tcp4")
			sc.echoed(first, "x")
			for range 10 { // the client is connected for longer than the idle time
				sc.asked()
			}
			sc.echoed(first, "y")
			first.Close()
			for sc.s.running.Len() > 0 {
				sc.s.turn()
			}
			sc.echoed(sc.dial("tcp4"), "z")
			sc.reapAll()
			sc.wantLog(`: .*\[\d+\] has been idle for 200ms, its idle_time, and is ended \(.*inetd\.conf:1\)$`)
			sc.wantLog(`-exit signal 15`)
		})
	}
}

// TestIdleTimeLateAnswer: the time that the kernel's answer waits for the loop does not count
// as idle. A client is connected all the time, so the server is not ended.
func TestIdleTimeLateAnswer(t *testing.T) {
	if !apart(t) {
		return
	}
	const idleTime = 100 * time.Millisecond
	for _, wait := range []string{"yes", "listen"} {
		sc := newScene(t, waiting(wait, fmt.Sprint("idle_time = ", idleTime)), nil)
		sc.start()
		c := sc.dial("tcp4")
		sc.echoed(c, "x")
		for range 6 { // one turn asks, the next has the answer
			sc.s.mail.Post(func() {}) // so that the turn does not wait for the answer
			sc.s.turn()
			time.Sleep(idleTime)
		}
		sc.echoed(c, "y")
		sc.reapAll()
		sc.wantLog("-has been idle")
	}
}

// TestIdleTimeLateClient: a client that comes when the kernel has just said that there is
// no client is served, by the same server or the next.
func TestIdleTimeLateClient(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, waiting("yes", "idle_time = 200ms"), nil)
	sc.start()
	for range 3 {
		first := sc.dial("tcp4")
		sc.echoed(first, "x")
		first.Close()
		for len(sc.s.idle.Stopped()) == 0 {
			sc.s.turn()
		}
		late := sc.dial("tcp4")
		sc.echoed(late, "y")
		late.Close()
	}
	sc.reapAll()
}

// TestIdleTimeStopped: a daemon that ends while it has stopped a server lets it go on.
func TestIdleTimeStopped(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, waiting("yes", "idle_time = 100ms"), nil)
	sc.start()
	first := sc.dial("tcp4")
	sc.echoed(first, "x")
	first.Close()
	for len(sc.s.idle.Stopped()) == 0 {
		sc.s.turn()
	}
	pid := sc.s.idle.Stopped()[0].PID
	sc.s.idle.Resume()
	second := sc.dial("tcp4") // the question that is under way ends nobody now
	sc.echoed(second, "y")
	if sc.s.running.Find(pid) == nil {
		t.Error("the server is gone")
	}
	unix.Kill(-pid, unix.SIGKILL)
	sc.reapAll()
}

// TestIdleTimeDatagrams: a server that takes no further datagram of its client is ended.
func TestIdleTimeDatagrams(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, wait := range []string{"yes", "no"} {
		sc := newScene(t, "127.0.0.1:PORT on protocol = udp4, wait = "+wait+`, user = -, exec = /bin/sh, args = sh -c "dd bs=100 count=1 status=none >/dev/null; sleep 1000", idle_time = 200ms;`+"\n", nil)
		sc.start()
		if _, err := sc.dial("udp4").Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		sc.turnUntilRunning()
		for sc.s.running.Len() > 0 {
			sc.s.turn()
		}
		sc.wantLog(`has been idle for 200ms, its idle_time, and is ended \(.*inetd\.conf:1\)$`)
	}
}

// TestIdleTimeUnread: a server that has not read its datagram yet has something to do.
func TestIdleTimeUnread(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, wait := range []string{"yes", "no"} {
		sc := newScene(t, "127.0.0.1:PORT on protocol = udp4, wait = "+wait+`, user = -, exec = /bin/sh, args = sh -c "read go <DIR/go; dd bs=100 count=1 status=none >/dev/null; sleep 1000", idle_time = 200ms;`+"\n", nil)
		if err := unix.Mkfifo(sc.path("go"), 0o600); err != nil {
			t.Fatal(err)
		}
		sc.start()
		if _, err := sc.dial("udp4").Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		sc.turnUntilRunning()
		for range 10 { // questions to the kernel, a quarter of the idle time apart
			sc.asked()
		}
		if err := os.WriteFile(sc.path("go"), []byte("\n"), 0); err != nil {
			t.Fatal(err)
		}
		for sc.s.running.Len() > 0 {
			sc.s.turn()
		}
	}
}

// TestIdleTimeBuiltin: the key idle_time holds for a connection of a builtin.
func TestIdleTimeBuiltin(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal echo\n* with idle_time = 100ms;\n", nil)
	sc.start()
	c := sc.dial("tcp4")
	sc.echoed(c, "x")
	sc.turnUntilEnd(c)
}

// TestIdleTimeCostsNoOther: for services without an idle time the kernel is not asked.
func TestIdleTimeCostsNoOther(t *testing.T) {
	sc := newScene(t, shServer+"cat\n", nil)
	sc.start()
	c := sc.dial("tcp4")
	sc.echoed(c, "x")
	if n := len(sc.s.idle.All()); n > 0 || !sc.s.idle.Due().IsZero() {
		t.Errorf("%d servers, due %v", n, sc.s.idle.Due())
	}
	c.Close()
	sc.reapAll()
}
