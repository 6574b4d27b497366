package inetd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/plan"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// far is a machine at the other end of a cable, in fact a thread in another
// network namespace. It has the addresses 10.9.0.9, fd09::9 and fe80::9; ours
// are 10.9.0.1, 10.9.0.2, fd09::1, fd09::2 and fe80::1, on the device net0.
type far struct {
	work   chan func()
	thread int
}

func newFar(t *testing.T) far {
	t.Helper()
	ip(t, "link set lo up")
	f := far{make(chan func()), 0}
	thread := make(chan int)
	go func() {
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Error(err)
		}
		thread <- syscall.Gettid()
		for job := range f.work {
			job()
		}
	}()
	f.thread = <-thread
	f.plug(t)
	return f
}

// plug puts in the cable.
func (f far) plug(t *testing.T) {
	t.Helper()
	ip(t, "link add net0 type veth peer name far0")
	ip(t, "link set far0 netns /proc/%d/ns/net", f.thread)
	connect(t, "net0", "10.9.0.1/24 brd +", "10.9.0.2/24 brd +", "fd09::1/64 nodad", "fd09::2/64 nodad", "fe80::1/64 nodad")
	f.do(func() {
		connect(t, "far0", "10.9.0.9/24 brd +", "fd09::9/64 nodad", "fe80::9/64 nodad")
		ip(t, "route add default dev far0")
	})
}

// do runs job on the far machine.
func (f far) do(job func()) {
	done := make(chan struct{})
	f.work <- func() {
		defer close(done)
		job()
	}
	<-done
}

// dial opens a socket on the far machine that takes answers from addr alone.
func (f far) dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	var conn net.Conn
	var err error
	f.do(func() { conn, err = net.Dial("udp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// listen opens a socket on the far machine that can send to addr and takes
// answers from anybody.
func (f far) listen(t *testing.T, addr string) (conn *net.UDPConn) {
	t.Helper()
	f.do(func() { conn = listen(t, addr) })
	return conn
}

func listen(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	network := "udp4"
	if addr[0] == '[' {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// ip configures the network of the calling thread.
func ip(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	words := strings.Fields(fmt.Sprintf(format, args...))
	out, err := exec.Command("ip", words...).CombinedOutput()
	reaped := errors.Is(err, syscall.ECHILD) && len(out) == 0 // a Server of this process has reaped it; ip prints its failures
	if err != nil && !reaped {
		t.Fatalf("ip %s: %v: %s", strings.Join(words, " "), err, out)
	}
}

// connect gives a device its addresses.
func connect(t *testing.T, device string, addrs ...string) {
	t.Helper()
	ip(t, "link set %s addrgenmode none", device)
	for _, a := range addrs {
		ip(t, "addr add %s dev %s", a, device)
	}
	ip(t, "link set %s up", device)
}

// daemon serves a configuration until the end of the test. prepare may be nil.
func daemon(t *testing.T, bind, conf string, prepare func(*Server)) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "inetd.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	ready, over := make(chan struct{}), make(chan error)
	log := syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: t.Output()})
	s, err := New(Config{Config: plan.Config{Files: []string{file}, Explicit: true, Bind: bind}, Log: log, Ready: func() { close(ready) }})
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(s)
	}
	go func() { over <- s.Run() }()
	select {
	case <-ready:
	case err := <-over:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
		log.Close(0)
		for pid := range s.running.All() { // a daemon that ends leaves its servers alone, and those of datagrams may never end
			_ = unix.Kill(-pid, unix.SIGKILL)
		}
	})
	return s
}

// settle waits until no server runs and returns how many descriptors are open.
func (s *Server) settle(t *testing.T) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var running int
		s.onLoop(func() { running = s.running.Len() })
		if running == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d servers still run", running)
		}
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// onLoop runs f on the event loop and waits for that.
func (s *Server) onLoop(f func()) {
	done := make(chan struct{})
	s.mail.Post(func() {
		defer close(done)
		f()
	})
	<-done
}

// echoed sends datagrams, and wants each of them back before it sends the next.
func echoed(t *testing.T, conn net.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1<<16)
		if n, err := conn.Read(b); err != nil || string(b[:n]) != text {
			t.Fatalf("%v answers %d bytes with %d, %v", conn.RemoteAddr(), len(text), n, err)
		}
	}
}

// ask sends text to an address and returns the answer and its sender.
func ask(t *testing.T, conn *net.UDPConn, to, text string) (string, netip.AddrPort) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort(to)); err != nil {
		t.Fatalf("to %s: %v", to, err)
	}
	b := make([]byte, 1<<16)
	n, from, err := conn.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatalf("from %s: %v", to, err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}
