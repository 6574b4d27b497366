package inetd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"inetd/internal/admission"
	"inetd/internal/gate"
	"inetd/internal/limit"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// allBuiltins has each kind of builtin that serves a client for long, and a brief one.
const allBuiltins = `127.0.0.1:
7001 stream tcp4 nowait - internal echo
7002 stream tcp4 nowait - internal discard
7003 stream tcp4 nowait - internal chargen
7004 stream tcp4 nowait - internal daytime
7005 stream tcp4 nowait - internal auth
7006 stream tcp4 nowait - internal tcpmux
tcpmux/+echo stream tcp4 nowait - internal echo
`

// dialFrom connects from an address of this machine.
func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// exchange sends text, and wants an answer that begins with want.
func exchange(t *testing.T, c net.Conn, text, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
	if n, err := io.ReadFull(c, b); string(b) != want {
		t.Errorf("%v sends %q and gets %q, %v; want %q", c.LocalAddr(), text, b[:n], err, want)
	}
}

// TestSilentClientsKeepNobodyOut: as many silent clients as builtins may have, each with
// another address, keep nobody from any builtin.
func TestSilentClientsKeepNobodyOut(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	s := daemon(t, "", allBuiltins, nil)
	for i := range 256 {
		c := dialFrom(t, fmt.Sprintf("127.0.%d.1", i), fmt.Sprintf("127.0.0.1:%d", 7001+i%2*5))
		if i%2 == 0 {
			exchange(t, c, "x", "x")
		}
	}
	const honest = "127.1.0.1"
	for _, tt := range []struct{ to, sent, want string }{
		{"127.0.0.1:7003", "", " !\"#"},
		{"127.0.0.1:7004", "", time.Now().Format("Mon Jan")},
		{"127.0.0.1:7005", "1,1\r\n", "1 , 1 : ERROR"},
		{"127.0.0.1:7006", "echo\r\nhello", "+Go\r\nhello"},
	} {
		exchange(t, dialFrom(t, honest, tt.to), tt.sent, tt.want)
	}
	// The service itself is full, until its clients have been silent for long.
	s.onLoop(func() { s.talks.Room.Patience = 0 })
	exchange(t, dialFrom(t, honest, "127.0.0.1:7001"), "hello", "hello")
}

// TestSilentClientMakesRoom: a client that is silent makes room for another, at whatever
// point it fell silent; the other need not connect again.
func TestSilentClientMakesRoom(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	s := daemon(t, "", allBuiltins, func(s *Server) {
		s.talks.Room = limit.Pool{Size: 1, PerService: 1, PerSource: 1, Patience: 5 * gate.RestTime / 4}
	})
	for _, tt := range []struct{ to, sent, got string }{
		{"7001", "", ""},
		{"7001", "x", "x"},
		{"7002", "x", ""},
		{"7003", "", " !"},
		{"7005", "", ""},
		{"7006", "", ""},
		{"7006", "help\r\n", "echo\r\n"},
		{"7006", "none\r\n", "-Service"},
		{"7006", "echo\r\nx", "+Go\r\nx"},
	} {
		a := dialFrom(t, "127.0.0.1", "127.0.0.1:"+tt.to)
		exchange(t, a, tt.sent, tt.got)
		for n := 0; n == 0; s.onLoop(func() { n = s.talks.Room.Len() }) {
		}
		b := dialFrom(t, "127.0.0.2", "127.0.0.1:7001")
		exchange(t, b, "hello", "hello")
		if _, err := io.Copy(io.Discard, a); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s after %q: the client keeps its connection", tt.to, tt.sent)
		}
		b.Close()
		s.onLoop(func() { s.talks.Room.Patience = 10 * time.Millisecond }) // one long wait is enough
		for n := 1; n > 0; s.onLoop(func() { n = s.talks.Room.Len() }) {   // or the next a would wait, and come in after its b
		}
	}
}

// TestNoRoomForSource: a client that is refused for want of room leaves nothing behind.
func TestNoRoomForSource(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	s := daemon(t, "", allBuiltins, func(s *Server) {
		s.talks.Room = limit.Pool{Size: 4, PerService: 4, PerSource: 1, Patience: time.Hour}
	})
	exchange(t, dialFrom(t, "127.0.0.1", "127.0.0.1:7001"), "x", "x")
	for range 3 {
		if n, err := dialFrom(t, "127.0.0.1", "127.0.0.1:7001").Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a second client of one source: %d bytes, %v", n, err)
		}
	}
	s.onLoop(func() {
		if n := s.now.Services[0].Usage().Live; n != 1 || s.talks.Room.Len() != 1 {
			t.Errorf("%d clients, %d members, want one", n, s.talks.Room.Len())
		}
	})
}

// TestBuiltinsGiveBackWhatTheyHad: however the clients of builtins end, room and
// descriptors are free again.
func TestBuiltinsGiveBackWhatTheyHad(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	s := daemon(t, "", allBuiltins+`7007 stream tcp4 nowait/0/0/1 - internal echo
tcpmux/+brief stream tcp4 nowait - internal daytime
tcpmux/cat stream tcp4 nowait - /bin/cat
tcpmux/never stream tcp4 nowait/0/0/1 - internal discard
`, nil)
	one := dialFrom(t, "127.0.0.1", "127.0.0.1:7007")
	exchange(t, one, "x", "x")
	hold := dialFrom(t, "127.0.0.1", "127.0.0.1:7006")
	io.WriteString(hold, "never\r\n")
	for _, tt := range []struct{ to, sent, want string }{
		{"7001", "x", "x"},
		{"7003", "", " !"},
		{"7004", "", time.Now().Format("Mon")},
		{"7005", "1,1\r\n", "1 , 1 : ERROR"},
		{"7006", "help\r\n", "echo\r\n"},
		{"7006", "echo\r\nx", "+Go\r\nx"},
		{"7006", "brief\r\n", "+Go\r\n"},
		{"7006", "cat\r\nx", "x"},
		{"7006", "none\r\n", "-Service not available\r\n"},
		{"7006", "never\r\n", "-Service not available\r\n"},
		{"7007", "", ""}, // this service has its one client already
	} {
		c := dialFrom(t, "127.0.0.1", "127.0.0.1:"+tt.to)
		exchange(t, c, tt.sent, tt.want)
		c.Close()
	}
	one.Close()
	hold.Close()
	s.settle(t)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		left := ""
		s.onLoop(func() {
			for _, v := range append(s.now.Services, s.now.Mux...) {
				if n := v.Usage().Live; n != 0 {
					left += fmt.Sprintf("%s has %d clients\n", v.Label, n)
				}
			}
			if n := s.talks.Room.Len(); n != 0 {
				left += fmt.Sprintf("%d connections of builtins\n", n)
			}
		})
		if left == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(left)
		}
	}
}

// asUser runs f in a thread of another user.
func asUser(t *testing.T, uid int, f func()) {
	t.Helper()
	if unix.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		_, _, e := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
		if e == 0 {
			f()
			done <- nil
			return
		}
		done <- e
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestUsersAreSources: one user of a UNIX-domain socket has no more connections than a
// source may have, and another user has as many again.
func TestUsersAreSources(t *testing.T) {
	name := fmt.Sprintf("@inetd-test-%d-%s", os.Getpid(), t.Name())
	daemon(t, "", name+" stream unix nowait/0/0/1 - internal echo\n", nil)
	ask := func() string {
		c, err := net.Dial("unix", name)
		if err != nil {
			return err.Error()
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, "x")
		b := make([]byte, 1)
		n, _ := c.Read(b)
		return string(b[:n])
	}
	for _, tt := range []struct {
		uid  int
		want string
	}{{11, "x"}, {11, ""}, {12, "x"}, {12, ""}} {
		asUser(t, tt.uid, func() {
			if got := ask(); got != tt.want {
				t.Errorf("user %d gets %q, want %q", tt.uid, got, tt.want)
			}
		})
	}
}

// TestForgedSourcesHideNoVictim: a victim whose address is forged gets at most 6000 answers
// a minute, even if too many other addresses are forged meanwhile to count them all.
func TestForgedSourcesHideNoVictim(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	ip(t, "addr add 198.51.100.1/32 dev lo")
	ip(t, "addr add 198.51.100.2/32 dev lo")
	ip(t, "addr add 198.51.100.3/32 dev lo")
	daemon(t, "", "198.51.100.1:7001 dgram udp4 wait - internal echo\n127.0.0.1:7001 dgram udp4 wait - internal echo\n", nil)
	const service = "198.51.100.1:7001"
	to := netip.MustParseAddrPort(service)
	forge, err := sock.NewInjector(3)
	if err != nil {
		t.Skip(err)
	}
	defer forge.Close()
	from := func(addr string) *net.UDPConn {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(addr)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		return conn
	}
	victim, other := from("198.51.100.2"), from("198.51.100.3")
	for range admission.RepliesPerMin {
		ask(t, victim, service, "x")
	}
	local := from("127.0.0.1")
	for range admission.RepliesPerMin + 1 { // no limit: nobody can forge the loopback address
		ask(t, local, "127.0.0.1:7001", "x")
	}
	for i := range 5000 {
		if err := forge.Inject(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000), to, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 { // so that the queue does not overflow
			ask(t, other, service, "x")
		}
	}
	for range 10 {
		victim.WriteToUDPAddrPort([]byte("more"), to)
	}
	ask(t, other, service, "last") // behind the forged ones in the queue
	if got := arrived(t, victim); got != "" {
		t.Errorf("the victim got %q", got)
	}
}

// arrived returns what can be read at once.
func arrived(t *testing.T, conn *net.UDPConn) string {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	n := 0
	raw.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT) })
	return string(b[:max(n, 0)])
}
