package registrar

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inetd/internal/rpcbind"
	"inetd/internal/syslog"
)

// fakeRpcbind answers SET, UNSET and DUMP of version 4 as rpcbind does. What it
// holds is "program version netid" and the universal address.
type fakeRpcbind struct {
	l       net.Listener
	changes chan map[string]string // what it holds after each call
	refuse  string                 // the netid that it does not serve
	stop    chan struct{}          // closed: it ends
	held    map[string]string
}

func startRpcbind(t *testing.T, socket, refuse string, held map[string]string) *fakeRpcbind {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeRpcbind{l: l, refuse: refuse, held: held, changes: make(chan map[string]string, 1000), stop: make(chan struct{})}
	calls := make(chan func())
	go func() {
		for {
			select {
			case do := <-calls:
				do()
			case <-f.stop:
				return
			}
		}
	}()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { <-f.stop; conn.Close() }()
			go f.serve(conn, calls)
		}
	}()
	return f
}

func (f *fakeRpcbind) end() {
	f.l.Close()
	close(f.stop)
}

func (f *fakeRpcbind) serve(conn net.Conn, calls chan<- func()) {
	defer conn.Close()
	for {
		mark := make([]byte, 4)
		if _, err := io.ReadFull(conn, mark); err != nil {
			return
		}
		call := make([]byte, binary.BigEndian.Uint32(mark)&^(1<<31))
		if _, err := io.ReadFull(conn, call); err != nil {
			return
		}
		var results []byte
		var held map[string]string
		done := make(chan struct{})
		select {
		case calls <- func() { results, held = f.answer(call), maps.Clone(f.held); close(done) }:
		case <-f.stop:
			return
		}
		<-done
		head := binary.BigEndian.AppendUint32(nil, uint32(24+len(results))|1<<31)
		head = append(append(head, call[:4]...), words(1, 0, 0, 0, 0)...)
		if _, err := conn.Write(append(head, results...)); err != nil {
			return
		}
		f.changes <- held // which the registrar knows, or will
	}
}

func words(w ...uint32) (b []byte) {
	for _, n := range w {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func xdrString(s string) []byte {
	return append(append(words(uint32(len(s))), s...), make([]byte, (4-len(s)%4)%4)...)
}

func (f *fakeRpcbind) answer(call []byte) []byte {
	word := func() (n uint32) {
		n, call = binary.BigEndian.Uint32(call), call[4:]
		return n
	}
	text := func() (s string) {
		n := word()
		s, call = string(call[:n]), call[(n+3)/4*4:]
		return s
	}
	call = call[20:]
	proc := word()
	call = call[16:]
	const set, unset = 1, 2
	if proc != set && proc != unset {
		var list []byte
		for key, addr := range f.held {
			var program, version uint32
			var netid string
			fmt.Sscan(key, &program, &version, &netid)
			list = append(append(append(list, words(1, program, version)...), xdrString(netid)...), xdrString(addr)...)
			list = append(list, xdrString("superuser")...)
		}
		return append(list, words(0)...)
	}
	program, version, netid, addr := word(), word(), text(), text()
	key := fmt.Sprint(program, version, " ", netid)
	was, have := f.held[key]
	done := have
	switch {
	case netid == f.refuse:
		return words(0)
	case proc == unset:
		delete(f.held, key)
	default:
		if done = !have || was == addr; done {
			f.held[key] = addr
		}
	}
	if done {
		return words(1)
	}
	return words(0)
}

// wait waits until f holds exactly what is wanted.
func (f *fakeRpcbind) wait(t *testing.T, want map[string]string) {
	t.Helper()
	var last map[string]string
	for deadline := time.After(time.Minute); ; {
		select {
		case last = <-f.changes:
			if maps.Equal(last, want) {
				return
			}
		case <-deadline:
			t.Fatalf("rpcbind holds %v, want %v", last, want)
		}
	}
}

// wantedFor makes registrations of the versions of program 300001.
func wantedFor(netid, addr string, versions ...uint32) (list []Registration) {
	for _, v := range versions {
		b := rpcbind.Binding{Program: 300001, Version: v, Netid: netid, Addr: netip.MustParseAddrPort(addr)}
		list = append(list, Registration{b, "lights/rpc/" + netid, "inetd.conf:1"})
	}
	return list
}

// logLines is a log whose lines can be waited for.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- strings.TrimSuffix(string(p), "\n")
	return len(p), nil
}

// newTestRegistrar makes a Registrar whose portmapper of version 2 is a port that nobody
// can have.
func newTestRegistrar(t *testing.T) (r *Registrar, socket string, log logLines) {
	socket = filepath.Join(t.TempDir(), "s")
	log = make(logLines, 100)
	l := syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: log})
	t.Cleanup(func() { l.Close(time.Second) })
	return New(l, rpcbind.Client{Socket: socket, Portmap: "127.0.0.1:0"}), socket, log
}

// text ends the log and returns all of it.
func (r *Registrar) text(log logLines) string {
	r.log.Close(time.Second)
	close(log)
	var b strings.Builder
	for line := range log {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// TestRegistrar follows a list through its changes. Another owner's registration
// gives way at once, and nothing is left at the end.
func TestRegistrar(t *testing.T) {
	t.Parallel()
	r, socket, _ := newTestRegistrar(t)
	others := map[string]string{"100000 4 udp": "0.0.0.0.0.111"}
	f := startRpcbind(t, socket, "", map[string]string{"100000 4 udp": "0.0.0.0.0.111", "300001 2 udp": "0.0.0.0.1.1"})
	defer f.end()
	plus := func(more map[string]string) map[string]string { maps.Copy(more, others); return more }

	r.Want(wantedFor("udp", "0.0.0.0:258", 1, 2))
	f.wait(t, plus(map[string]string{"300001 1 udp": "0.0.0.0.1.2", "300001 2 udp": "0.0.0.0.1.2"}))
	r.Want(slices.Concat(wantedFor("udp", "0.0.0.0:258", 2, 3), wantedFor("tcp6", "[::]:513", 3)))
	f.wait(t, plus(map[string]string{"300001 2 udp": "0.0.0.0.1.2", "300001 3 udp": "0.0.0.0.1.2", "300001 3 tcp6": "::.2.1"}))
	r.Want(wantedFor("udp", "0.0.0.0:259", 2))
	f.wait(t, plus(map[string]string{"300001 2 udp": "0.0.0.0.1.3"}))
	r.Close()
	f.wait(t, others)
	<-r.ended
}

// TestRegistrarRestart has rpcbind absent, come, and be restarted.
func TestRegistrarRestart(t *testing.T) {
	t.Parallel()
	r, socket, log := newTestRegistrar(t)
	want := map[string]string{"300001 1 udp": "0.0.0.0.1.2"}
	r.Want(wantedFor("udp", "0.0.0.0:258", 1))
	f := startRpcbind(t, socket, "", map[string]string{})
	f.wait(t, want)
	f.end()
	f = startRpcbind(t, socket, "", map[string]string{})
	f.wait(t, want)
	f.end()
	r.Close() // does not wait for an rpcbind that is gone
	<-r.ended
	if text := r.text(log); !strings.Contains(text, ": rpcbind has lost 1 registration, made again now\n") {
		t.Errorf("log %q", text)
	}
}

// TestRegistrarRefused has a network that rpcbind does not serve: this is logged once,
// and the others are registered.
func TestRegistrarRefused(t *testing.T) {
	t.Parallel()
	r, socket, log := newTestRegistrar(t)
	f := startRpcbind(t, socket, "udp6", map[string]string{})
	defer f.end()
	list := slices.Concat(wantedFor("udp6", "[::]:258", 1), wantedFor("udp", "0.0.0.0:258", 1))
	r.Want(list)
	f.wait(t, map[string]string{"300001 1 udp": "0.0.0.0.1.2"})
	r.Want(slices.Concat(list, wantedFor("tcp", "0.0.0.0:258", 2)))
	f.wait(t, map[string]string{"300001 1 udp": "0.0.0.0.1.2", "300001 2 tcp": "0.0.0.0.1.2"})
	r.Close()
	<-r.ended
	const line = "lights/rpc/udp6: refused by rpcbind: program 300001 version 1 on udp6: this network or this user is not served (inetd.conf:1)"
	text := r.text(log)
	if n := strings.Count(text, line); n != 2 { // once for each list
		t.Errorf("said %d times in %q", n, text)
	}
}

// TestRegistrarAbsent has no rpcbind at all.
func TestRegistrarAbsent(t *testing.T) {
	t.Parallel()
	r, _, log := newTestRegistrar(t)
	r.Want(wantedFor("udp", "0.0.0.0:258", 1))
	const line = "rpcbind is not running: RPC programs are served and not registered; it will be tried again"
	for got := range log {
		if strings.HasSuffix(got, line) {
			break
		}
	}
	r.Close()
	<-r.ended
}
