package inetd

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/client"
	"inetd/internal/gate"
	"inetd/internal/table"
	"inetd/internal/wrap/dnstest"

	"golang.org/x/sys/unix"
)

// TestProcessesAfterInquiries: clients with an inquiry all pass the limit on processes
// before one of them has a server. No more servers than allowed run afterwards, and each
// client gets one in the end.
func TestProcessesAfterInquiries(t *testing.T) {
	const clients, limit = 12, 3
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait.0 - /bin/cat\n", func(c *Config) { c.Wrap, c.Processes = true, limit })
	sc.names = dnstest.Silent()
	sc.start()
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp4", "127.0.0.1:"+sc.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		conns = append(conns, c)
	}
	served := make(chan error, clients)
	for i, c := range conns {
		go func() {
			text := fmt.Sprint("client ", i)
			io.WriteString(c, text)
			c.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(c)
			if err == nil && string(got) != text {
				err = fmt.Errorf("client %d was answered %q", i, got)
			}
			served <- err
			sc.s.mail.Post(func() {}) // the loop may sleep
		}()
	}
	most := 0
	for n := 0; n < clients; {
		sc.s.turn()
		most = max(most, sc.s.running.Len())
		for len(served) > 0 {
			if err := <-served; err != nil {
				t.Error(err)
			}
			n++
		}
	}
	if most > limit {
		t.Errorf("%d servers ran at once, %d are allowed", most, limit)
	}
}

// TestDelayedStartsWhenThereIsRoom: a client that waits for the end of a server is served
// as soon as that server has been reaped, and not some time later.
func TestDelayedStartsWhenThereIsRoom(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - /bin/cat\n", func(c *Config) { c.Wrap, c.Processes = true, 1 })
	sc.start()
	sc.s.inquiries.Max = 2
	var conns [2]net.Conn
	for i := range conns {
		c, err := net.Dial("tcp4", "127.0.0.1:"+sc.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	v := sc.s.now.Services[0]
	for v.Usage().Live < len(conns) {
		sc.s.accept(v.First)
	}
	for len(sc.s.delayed) == 0 || sc.s.running.Len() == 0 {
		sc.s.turn()
	}
	for pid := range sc.s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for v.Usage().Live == len(conns) {
		sc.s.reap()
	}
	if len(sc.s.delayed) != 0 || sc.s.running.Len() != 1 {
		t.Errorf("%d clients wait and %d servers run", len(sc.s.delayed), sc.s.running.Len())
	}
	for pid := range sc.s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for sc.s.running.Len() > 0 {
		sc.s.reap()
	}
}

// TestCommandGivenUp: a command that takes too long is ended with all that it has
// started, and leaves no descriptor.
func TestCommandGivenUp(t *testing.T) {
	sc := newScene(t, echoServer+"\n", wrapped)
	sc.write("allow", "ALL: ALL: aclexec sleep 1000 & echo $! >DIR/child; sleep 1000\n")
	sc.start()
	before := descriptors(t)
	var pid int
	for wait := 100 * time.Millisecond; pid == 0; wait *= 2 { // a busy machine gives the shell no time to say who its child is
		sc.s.inquiries.CommandTime = wait
		if got := sc.visit(stranger, ""); got != "" {
			t.Fatalf("answered %q", got)
		}
		text, _ := os.ReadFile(sc.path("child"))
		fmt.Sscan(string(text), &pid)
	}
	for unix.Kill(pid, 0) == nil {
		if state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); strings.Contains(string(state), ") Z ") {
			break // the process that reaps orphans takes its time
		}
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestNobodyOvertakesDelayedClients: while a client waits for a process, no other is
// accepted, and a client accepted before whose server is to start now waits behind it.
func TestNobodyOvertakesDelayedClients(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - /bin/true\n", nil)
	sc.start()
	s := sc.s
	v := s.now.Services[0]
	s.delayed = []delayed{sc.admitted()} // as when no process could be made
	if b := s.bound(v); b != gate.ByProcesses {
		t.Errorf("the bound is %d", b)
	}
	second := sc.admitted()
	if s.start(&second); len(s.delayed) != 2 || s.running.Len() != 0 {
		t.Errorf("%d clients wait and %d servers run", len(s.delayed), s.running.Len())
	}
	if s.startDelayed(); len(s.delayed) != 0 || s.running.Len() != 2 {
		t.Errorf("when there is room %d clients wait and %d servers run", len(s.delayed), s.running.Len())
	}
	for s.running.Len() > 0 {
		s.reap()
	}
}

// admitted returns a client of the first service, whose server is to be started.
func (sc *scene) admitted() delayed {
	sc.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.t.Cleanup(func() { unix.Close(fds[1]) })
	v, c := sc.s.now.Services[0], client.Client{Conn: fds[0]}
	if !sc.s.door.Admit(v, &c, time.Now()) {
		sc.t.Fatal("it is not welcome")
	}
	return delayed{svc: v, client: c, program: v.Do.Program}
}

// TestPolledAfterDelay: a service held back by a client that waits for its relay is polled
// again when the client is served, even if no process could be made for it meanwhile.
func TestPolledAfterDelay(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - /bin/true\n", nil)
	sc.start()
	s := sc.s
	k := s.now.Services[0].First
	s.delayed = []delayed{sc.admitted()}
	s.delayed[0].full = true
	if s.gate.Arm(k); k.Polled {
		t.Fatal("it is polled while the client waits")
	}
	s.delayed[0].full = false // as when its relay has ended, and another could not be started
	if s.startDelayed(); len(s.delayed) != 0 || !k.Polled {
		t.Errorf("%d clients wait, polled %v", len(s.delayed), k.Polled)
	}
	for s.running.Len() > 0 {
		s.reap()
	}
}

// TestKeptConnectionIsCloseOnExec: the daemon's own descriptor of a server's connection
// does not go to another server.
func TestKeptConnectionIsCloseOnExec(t *testing.T) {
	sc := newScene(t, keyed("-", "linger = 20s", "echo x"), nil)
	sc.start()
	var fds [2]int
	if err := unix.Pipe2(fds[:], 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	kept := sc.s.keepConn(sc.s.now.Services[0], fds[0])
	if flags, err := unix.FcntlInt(uintptr(kept), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor %d has flags %#x, %v", kept, flags, err)
	}
	closeKept(kept)
}

// TestBoundByDelayed: clients that wait for a process hold all services back; those that
// wait for the relay of their service hold back only that service.
func TestBoundByDelayed(t *testing.T) {
	t.Parallel()
	one, other := &table.Service{Used: &table.Usage{}}, &table.Service{Used: &table.Usage{}}
	for _, tt := range []struct {
		name string
		wait []delayed
		want gate.Bound // of one
	}{
		{"nobody", nil, gate.Unbound},
		{"for a process", []delayed{{svc: other}}, gate.ByProcesses},
		{"for its relay", []delayed{{svc: one, full: true}}, gate.ByService},
		{"for another's relay", []delayed{{svc: other, full: true}}, gate.Unbound},
		{"for both", []delayed{{svc: one, full: true}, {svc: other}}, gate.ByProcesses},
	} {
		if got := (&Server{delayed: tt.wait}).boundByDelayed(one); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
