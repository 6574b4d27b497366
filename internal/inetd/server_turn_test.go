package inetd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/loop"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestReapInBatches: many processes that end at once, as orphans of process 1 may, do not
// keep the loop from all else, and the loop does not sleep before they are all reaped.
func TestReapInBatches(t *testing.T) {
	s := serving(t, oneService(t))
	const most, all = 64, 150
	var pids []int
	for range all {
		pid, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}
	s.running.Orphans = true
	left := func() (n int) {
		for _, pid := range pids {
			if unix.Kill(pid, 0) == nil {
				n++
			}
		}
		return n
	}
	s.reap()
	for before := all; before > 0; {
		now := left()
		if before-now > most {
			t.Errorf("%d processes were reaped at once, want %d at most", before-now, most)
		}
		if before = now; now > 0 {
			s.turn()
		}
	}
}

// TestAnswersOfOneTurn: however many sockets are flooded, the loop answers no more
// datagrams in a turn than if there were few.
func TestAnswersOfOneTurn(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	const services, each, most = 40, 64, 400
	var conf strings.Builder
	for i := range services {
		fmt.Fprintf(&conf, "127.0.0.1:%d dgram udp4 wait - internal echo\n", 7001+i)
	}
	s := servingText(t, conf.String())
	client := listen(t, "127.0.0.1")
	for i := range services {
		for range each {
			if _, err := client.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7001 + i}); err != nil {
				t.Fatal(err)
			}
		}
	}
	answers := func() (n int) {
		for _, v := range s.now.Services {
			n += v.Usage().Starts.Count
		}
		return n
	}
	for before := 0; before < services*each; {
		s.turn()
		now := answers()
		if now-before > most {
			t.Fatalf("%d datagrams were answered in one turn, want %d at most", now-before, most)
		}
		before = now
	}
}

// TestRestartsOfOneTurn: if datagram servers end together, each with a datagram left
// unread, one of their successors is started in each turn.
func TestRestartsOfOneTurn(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	const clients, most = 20, 1
	s := servingText(t, "127.0.0.1:7001 dgram udp4 nowait.0 - /bin/dd dd bs=65536 count=1 status=none\n")
	k := s.now.Services[0].First
	if !s.canPutBack(k) {
		t.Skip("no raw sockets")
	}
	for range clients {
		c := listen(t, "127.0.0.1")
		for range 2 {
			if _, err := c.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7001}); err != nil {
				t.Fatal(err)
			}
		}
	}
	u := k.Service.Usage()
	for s.share = perTurn; u.Started < clients; {
		s.receive(k)
	}
	for pid := range s.running.All() {
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}
	for u.Started < 2*clients {
		before := u.Started
		if s.turn(); u.Started-before > most {
			t.Fatalf("%d servers were started in one turn, want %d at most", u.Started-before, most)
		}
	}
	for s.running.Len() > 0 {
		s.reap()
	}
}

// TestUnreadIsPutBackInBatches: a server that leaves as many datagrams as fit into
// its socket does not keep the loop busy until they are all put back.
func TestUnreadIsPutBackInBatches(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	s := servingText(t, "127.0.0.1:7001 dgram udp4 nowait - /bin/cat\n")
	k := s.now.Services[0].First
	if !s.canPutBack(k) {
		t.Skip("no raw sockets")
	}
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	peer := listen(t, "127.0.0.1")
	const all = 200
	for range all {
		peer.WriteTo([]byte("x"), server.LocalAddr())
	}
	f, err := server.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	conn, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	var local sock.Address
	sock.Local(fd, &local)
	s.sessions.Close(&client.Session{At: k, Conn: conn, Local: local.AddrPort()})
	turns := 0
	for ; sock.Readable(fd); turns++ {
		s.turn()
	}
	if turns < 2 {
		t.Errorf("%d datagrams were put back in %d turns", all, turns)
	}
	if n := counter(t, "snmp", "Udp:", 2); n != all { // NoPorts: nobody has a socket for them now
		t.Errorf("%d datagrams were put back, want %d", n, all)
	}
}

// TestFailedStartWakesTheLoop: a server that cannot be executed is noticed although no
// other server ends and no timer runs.
func TestFailedStartWakesTheLoop(t *testing.T) {
	file := oneService(t)
	program := filepath.Join(t.TempDir(), "server")
	writeConf(t, program, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Fields(string(text))
	line[5] = program
	writeConf(t, file, strings.Join(line, " ")+"\n")
	s := serving(t, file)
	c := newVisitor(t, s) // without the timer that reaps now and then
	fd := c.connect()
	defer unix.Close(fd)
	late := false
	s.timers.After(30*time.Second, func() {
		late = true
		s.mail.Post(func() {}) // ends the turn
	})
	for s.running.Len() == 0 {
		s.turn()
	}
	for s.running.Len() > 0 {
		if s.turn(); late {
			t.Fatal("the loop does not know of the failure")
		}
	}
}

// TestTimerOfWhatIsLeft: the loop does not sleep past a timer that it sets while it does
// what the last turn has left over.
func TestTimerOfWhatIsLeft(t *testing.T) {
	s := servingText(t, fmt.Sprintf("@%s-%d stream unix nowait - internal echo\n", t.Name(), os.Getpid()))
	s.timers = loop.Timers{}
	v := s.now.Services[0]
	s.talks.Room = limit.Pool{Size: 1, PerService: 1, PerSource: 1, Patience: time.Hour}
	s.talks.Room.Enter(v.Label, limit.User(1), time.Now())
	v.Do.AsksNames, s.inquiries.Max = true, 0
	s.gate.Arm(v.First) // the socket is held back, and no timer is set
	s.inquiries.Max = 1
	rescue := time.AfterFunc(30*time.Second, func() { s.mail.Post(func() {}) })
	s.turn()
	if !rescue.Stop() {
		t.Error("the loop sleeps for longer than the timer")
	}
}

// TestRefusedDatagramsOfOneTurn: a client whose datagrams are refused, none of which
// starts a server, does not keep the loop from all else.
func TestRefusedDatagramsOfOneTurn(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	const all, most = 200, 64
	s := servingText(t, "127.0.0.1:7001 dgram udp4 nowait/0/0/1 - /bin/sleep sleep 1000\n")
	to, u := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7001}, s.now.Services[0].Usage()
	listen(t, "127.0.0.1").WriteTo([]byte("x"), to)
	for u.Started == 0 {
		s.turn()
	}
	flooder := listen(t, "127.0.0.1")
	for range all {
		if _, err := flooder.WriteTo([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
	}
	for before := uint64(0); before < all; {
		s.turn()
		now := u.Refused.Limit
		if now-before > most {
			t.Fatalf("%d datagrams were refused in one turn, want %d at most", now-before, most)
		}
		before = now
	}
	for pid := range s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for s.running.Len() > 0 {
		s.reap()
	}
}
