package inetd

import (
	"bytes"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"inetd/internal/client"
	"inetd/internal/handover"
	"inetd/internal/keep"
	"inetd/internal/limit"
	"inetd/internal/loop"
	"inetd/internal/running"
	"inetd/internal/status"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// upgrade replaces the Server by another, as if by another program in the same process. The
// old one is left with nothing. If unready, upgrade does not wait for what is under way.
func (sc *scene) upgrade(unready bool) {
	sc.t.Helper()
	s := sc.s
	s.gate.Closed = true
	s.gate.ArmAll()
	s.talks.Interrupt()
	ready := unready
	if !ready {
		s.quiesce(time.Now().Add(20*time.Second), func() { ready = true })
	}
	for !ready {
		s.turn()
	}
	b := s.bequest()
	s.bequeathClients(b)
	text, err := handover.Encode(b.State)
	if err != nil {
		sc.t.Fatal(err)
	}
	cfg := sc.cfg
	if cfg.Left, err = handover.Decode(text); err != nil {
		sc.t.Fatal(err)
	}
	for _, p := range s.running.All() {
		if p.PidFD() > 0 {
			s.poll.Remove(p.PidFD())
			unix.Close(p.PidFD())
		}
	}
	clear(s.sessions.Sessions()) // their descriptors go to the next program
	s.sessions.CloseAll()
	s.sockets, s.sessions, s.timers = keep.New(keep.Loop{}), dgramSessions{}, loop.Timers{}
	if sc.s, err = New(cfg); err != nil {
		sc.t.Fatal(err)
	}
	sc.t.Cleanup(sc.s.close)
	sc.endLate()
	sc.s.inquiries.Asker = s.inquiries.Asker
}

// load puts the configuration into force.
func (sc *scene) load() {
	for sc.s.reload(nil); sc.s.loading; {
		sc.s.turn()
	}
}

// dial connects to the service.
func (sc *scene) dial(network string) net.Conn {
	sc.t.Helper()
	c, err := net.Dial(network, "127.0.0.1:"+sc.port)
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// turnUntil runs f in a goroutine, and turns the loop until f has returned.
func (sc *scene) turnUntil(f func()) {
	over := false
	go func() {
		f()
		sc.s.mail.Post(func() { over = true })
	}()
	for !over {
		sc.s.turn()
	}
}

// turnUntilRunning turns the loop until a process runs.
func (sc *scene) turnUntilRunning() {
	for sc.s.running.Len() == 0 {
		sc.s.turn()
	}
}

// echoed sends a text, and wants it echoed.
func (sc *scene) echoed(c net.Conn, text string) {
	sc.t.Helper()
	got := make([]byte, len(text))
	var err error
	sc.turnUntil(func() {
		if _, err = io.WriteString(c, text); err == nil {
			_, err = io.ReadFull(c, got)
		}
	})
	if err != nil || string(got) != text {
		sc.t.Errorf("%q was answered with %q, %v", text, got, err)
	}
}

// reapAll ends all servers.
func (sc *scene) reapAll() {
	for pid := range sc.s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for sc.s.running.Len() > 0 {
		sc.s.reap()
	}
}

// TestUpgradeWithDelayedClient: a client that waits for the end of another client's server
// gets a server from the next program.
func TestUpgradeWithDelayedClient(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - /bin/cat\n", func(c *Config) { c.Wrap, c.Processes = true, 1 })
	sc.start()
	sc.s.inquiries.Max = 2
	one, two := sc.dial("tcp4"), sc.dial("tcp4")
	v := sc.s.now.Services[0]
	for v.Usage().Live < 2 {
		sc.s.accept(v.First)
	}
	for len(sc.s.delayed) == 0 || sc.s.running.Len() == 0 {
		sc.s.turn()
	}
	sc.upgrade(false)
	for sc.load(); sc.s.inquiries.Len() > 0; {
		sc.s.turn()
	}
	if u := sc.s.now.Services[0].Used; len(sc.s.delayed) != 1 || sc.s.running.Len() != 1 || u.Live != 2 {
		t.Fatalf("%d clients wait, %d servers run, %d count", len(sc.s.delayed), sc.s.running.Len(), u.Live)
	}
	for pid := range sc.s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for len(sc.s.delayed) > 0 {
		sc.s.turn()
	}
	answers := ""
	sc.turnUntil(func() {
		for _, c := range []net.Conn{one, two} { // which was first depends on their inquiries
			io.WriteString(c, "served")
			c.(*net.TCPConn).CloseWrite()
			b, _ := io.ReadAll(c)
			answers += string(b)
		}
	})
	if answers != "served" {
		t.Errorf("answers %q", answers)
	}
	sc.reapAll()
	if n := sc.s.now.Services[0].Used.Live; n != 0 {
		t.Errorf("%d servers still count", n)
	}
}

// TestUpgradeDuringInquiry: if an inquiry about a client is under way, the next program
// makes another.
func TestUpgradeDuringInquiry(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - /bin/cat\n", wrapped)
	sc.write("allow", "ALL: ALL: aclexec test -e DIR/go || sleep 1000\n")
	sc.start()
	c := sc.dial("tcp4")
	sc.turnUntilRunning()
	sc.upgrade(true)
	sc.write("go", "")
	sc.load()
	sc.echoed(c, "let in")
	sc.reapAll()
	if u := sc.s.now.Services[0].Used; u.Live != 0 || u.Accepted != 1 || u.Started != 1 {
		t.Errorf("%d live, %d accepted, %d started", u.Live, u.Accepted, u.Started)
	}
}

// TestUpgradeWithoutRoom: if the next program has no room for a client of a builtin, the
// client is refused for that, and gets no penalty.
func TestUpgradeWithoutRoom(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal echo\n* with wrap = yes, penalty = refused:90s, refuse = full;\n", nil)
	sc.write("allow", "ALL: ALL: aclexec sleep 1000\n")
	sc.start()
	c := sc.dial("tcp4")
	sc.turnUntilRunning()
	sc.upgrade(true)
	sc.s.talks.Room = limit.Pool{}
	sc.load()
	var b []byte
	sc.turnUntil(func() { b, _ = io.ReadAll(c) })
	if u := sc.s.now.Services[0].Usage(); u.Refused != (status.Refused{Room: 1}) || u.Debts != nil || u.Live != 0 || string(b) != "full" {
		t.Errorf("%+v, penalties %v, %d live, the client is told %q", u.Refused, u.Debts, u.Live, b)
	}
	sc.reapAll()
}

// TestUpgradeInDatagramSession: a client of a nowait datagram service keeps its server,
// and gets another one when its server has ended.
func TestUpgradeInDatagramSession(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("raw sockets need root")
	}
	sc := newScene(t, "127.0.0.1:PORT dgram udp4 nowait - /bin/cat\n", nil)
	sc.start()
	c := sc.dial("udp4")
	sc.echoed(c, "one")
	pids := func() (list []int) {
		for pid := range sc.s.running.All() {
			list = append(list, pid)
		}
		return list
	}
	was := pids()
	sc.upgrade(false)
	sc.load()
	sc.echoed(c, "two")
	if now := pids(); len(now) != 1 || now[0] != was[0] {
		t.Errorf("servers %v, %v before", now, was)
	}
	sc.reapAll()
	if len(sc.s.sessions.Sessions()) != 0 {
		t.Errorf("%d sessions are open", len(sc.s.sessions.Sessions()))
	}
	sc.echoed(c, "three")
	sc.reapAll()
}

// TestUpgradeInTheMidstOfChargen: no character is missing or comes twice, wherever the
// conversation is interrupted.
func TestUpgradeInTheMidstOfChargen(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal chargen\n", nil)
	sc.start()
	c := sc.dial("tcp4")
	var text []byte
	for n := range 3 {
		if n > 0 {
			sc.upgrade(false)
			sc.load()
		}
		b := make([]byte, 100_000)
		sc.turnUntil(func() { io.ReadFull(c, b) })
		text = append(text, b...)
	}
	const lineSize = 74
	for i := 0; i+2*lineSize < len(text); i += lineSize {
		if line, next := text[i:i+lineSize], text[i+lineSize:i+2*lineSize]; !bytes.Equal(line[1:lineSize-2], next[:lineSize-3]) {
			t.Fatalf("after %d bytes\n%q comes\n%q", i, line, next)
		}
	}
	c.Close()
	sc.serve(func() bool { return true })
}

// TestUpgradeAfterRemoval: the wait server of a removed service still has its socket, and
// the address is free for another service when the server ends.
func TestUpgradeAfterRemoval(t *testing.T) {
	conf := "127.0.0.1:PORT stream tcp4 wait - /bin/sleep sleep 1000\n"
	sc := newScene(t, conf+keptOne, nil)
	sc.start()
	c := sc.dial("tcp4")
	sc.turnUntilRunning()
	sc.write("inetd.conf", keptOne)
	sc.load()
	sc.write("inetd.conf", strings.Replace(conf, " wait ", " nowait ", 1)+keptOne)
	sc.upgrade(false)
	sc.load()
	if k := sc.s.now.Services[0].First; k.FD >= 0 || sc.s.running.Len() != 1 {
		t.Fatalf("descriptor %d, %d servers", k.FD, sc.s.running.Len())
	}
	sc.reapAll()
	if k := sc.s.now.Services[0].First; k.FD < 0 {
		t.Errorf("not opened: %v", sc.s.sockets.Fault(k))
	}
	c.Close()
}

const keptOne = "@DIR/kept stream unix nowait - /bin/true\n"

// TestHeirWithoutConfiguration: if the configuration cannot be used just after an upgrade,
// clients wait until it can. Another upgrade meanwhile loses no client.
func TestHeirWithoutConfiguration(t *testing.T) {
	conf := "127.0.0.1:PORT stream tcp4 nowait - internal echo\n"
	sc := newScene(t, conf, nil)
	sc.start()
	c := sc.dial("tcp4")
	sc.echoed(c, "before")
	sc.upgrade(false)
	os.Remove(sc.path("inetd.conf"))
	sc.load()
	if sc.s.failure != nil || sc.s.heir == nil || sc.s.ready {
		t.Fatalf("failure %v, ready %v", sc.s.failure, sc.s.ready)
	}
	early := sc.dial("tcp4")
	sc.upgrade(false)
	sc.load()
	sc.write("inetd.conf", conf)
	sc.load()
	sc.echoed(c, "after")
	sc.echoed(early, "meanwhile")
	c.Close()
	early.Close()
	sc.serve(func() bool { return true })
	if n := sc.s.now.Services[0].Used.Live; n != 0 {
		t.Errorf("%d clients still count", n)
	}
}

// TestProofTakesTooLong: a program that says nothing is ended.
func TestProofTakesTooLong(t *testing.T) {
	sc := newScene(t, keptOne, nil)
	sc.start()
	sc.s.proofTime = 50 * time.Millisecond
	var err error
	sc.turnUntil(func() { _, err = sc.s.Prove(t.Context(), []string{"/bin/sleep", "1000"}, handover.Process{}) })
	if want := "/bin/sleep has not answered within 50ms"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for sc.s.running.Len() > 0 {
		sc.s.turn()
	}
}

// TestUpgradeKnowsTheState: if you give a service, a process or a client more state, say
// here whether an upgrade keeps it (see upgrade_bequest.go), and if not, why not.
func TestUpgradeKnowsTheState(t *testing.T) {
	t.Parallel()
	const kept = ""
	for of, fields := range map[reflect.Type]map[string]string{
		reflect.TypeFor[table.Service](): {"Label": kept, "At": kept, "Do": kept, "First": kept, "Used": kept},
		reflect.TypeFor[table.Socket](): {
			"Spec": kept, "Service": kept, "Next": kept, "FD": kept, "Server": kept, "Closed": kept,
			"Polled": "found out anew", "Held": "found out anew",
		},
		reflect.TypeFor[table.Usage](): {
			"Usage": kept, "Counts": kept, "IdleStarts": kept, "Halted": kept, "Mended": kept, "Altered": kept, "Debts": kept,
			"Failing": "keeps lines few", "Looked": "keeps lines few", "Unwelcome": "keeps lines few", "Unproxied": "keeps lines few", "Fitness": "found out anew",
			"Expected": "the headers of proxies are read before",
		},
		reflect.TypeFor[running.Process](): {
			"Service": kept, "Program": kept, "Lent": kept, "Queued": kept, "Client": kept, "Kept": kept, "Stderr": kept, "Begun": kept, "Kill": kept, "Cookie": kept, "PID": kept,
			"pidfd": "opened anew", "Probe": "is open for a moment only", "Done": "commands are not waited for",
		},
		reflect.TypeFor[client.Client](): {
			"Conn": kept, "Peer": kept, "Cred": kept, "Source": kept, "Session": kept, "Named": kept, "Proxied": kept,
			"Room": "entered anew",
		},
		reflect.TypeFor[client.Session](): {"Pair": kept, "At": kept, "Conn": kept, "Local": kept, "Taken": kept},
	} {
		for i := range of.NumField() {
			if _, known := fields[of.Field(i).Name]; !known {
				t.Errorf("does an upgrade keep %s.%s?", of.Name(), of.Field(i).Name)
			}
		}
	}
}
