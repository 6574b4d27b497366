package idle

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"inetd/internal/sock"
	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// connect makes a connection by way of a listener.
func connect(t *testing.T, l net.Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func ask(t *testing.T, s *Server) time.Time {
	t.Helper()
	used, err := Ask([]*Server{s})
	if err != nil {
		t.Fatal(err)
	}
	return used[0]
}

// TestAskConnection: a byte either way counts as use, and asking does not.
func TestAskConnection(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		if l, err := net.Listen("tcp", at); err != nil {
			continue // there is no IPv6 here
		} else {
			l.Close()
		}
		client, server := connect(t, listen(t, "tcp", at))
		raw, err := server.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{}
		raw.Control(func(fd uintptr) { s.Cookie, err = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_COOKIE) })
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []net.Conn{client, server} {
			for time.Since(ask(t, s)) < 100*time.Millisecond { // this would not end if asking were use
			}
			begun := time.Now()
			if _, err := from.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			for ask(t, s).Before(begun.Add(-20 * time.Millisecond)) { // the kernel counts in ticks
			}
		}
		server.(*net.TCPConn).CloseWrite()
		if ask(t, s).IsZero() {
			t.Error("not in use when half of it is closed")
		}
		server.Close()
		client.Close()
		for !ask(t, s).IsZero() {
		}
	}
}

// TestAskListener: a server that takes its clients itself is in use as long as one is
// connected.
func TestAskListener(t *testing.T) {
	t.Parallel()
	four := listen(t, "tcp4", "127.0.0.1:0")
	at := four.Addr().(*net.TCPAddr).AddrPort()
	path := filepath.Join(t.TempDir(), "s")
	for name, of := range map[string]struct {
		net.Listener
		spec sock.Spec
	}{
		"tcp":      {four, sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: at}},
		"wildcard": {four, sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())}},
		"path":     {listen(t, "unix", path), sock.UnixSpec(unix.SOCK_STREAM, path)},
		"abstract": {listen(t, "unix", "@"+path), sock.UnixSpec(unix.SOCK_STREAM, "@"+path)},
	} {
		s := &Server{Subject: Listener(of.spec, at.Port())}
		if used := ask(t, s); !used.IsZero() {
			t.Errorf("%s: used at %v by nobody", name, used)
		}
		_, server := connect(t, of)
		if ask(t, s).IsZero() {
			t.Errorf("%s: not in use with a client", name)
		}
		server.Close()
		if used := ask(t, s); !used.IsZero() {
			t.Errorf("%s: used at %v by one who was served", name, used)
		}
	}
}

// TestTakes: a client belongs to the socket with the address that it has connected to.
func TestTakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at, local string
		dual      bool
		want      bool
	}{
		{"127.0.0.1", "127.0.0.1", false, true},
		{"127.0.0.1", "127.0.0.2", false, false},
		{"0.0.0.0", "127.0.0.2", false, true},
		{"0.0.0.0", "::1", false, false},
		{"::", "::1", false, true},
		{"::", "127.0.0.1", false, false},
		{"::", "127.0.0.1", true, true},
		{"::", "::1", true, true},
		{"fe80::1%lo", "fe80::1", false, true},
	} {
		spec := sock.Spec{Family: unix.AF_INET6, Protocol: unix.IPPROTO_TCP, Dual: tt.dual, Addr: netip.AddrPortFrom(netip.MustParseAddr(tt.at), 80)}
		s := Listener(spec, 80)
		if got := s.takes(netip.MustParseAddr(tt.local)); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestListenerUnknown: the kernel does not tell who is connected to other kinds of socket.
func TestListenerUnknown(t *testing.T) {
	t.Parallel()
	for _, spec := range []sock.Spec{sock.VsockSpec(unix.SOCK_STREAM, 1), {Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_SCTP}} {
		if s := Listener(spec, 1); s != (Subject{}) {
			t.Errorf("%v: %+v", spec, s)
		}
	}
}

func TestIsClient(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state sockdiag.State
		inode uint64
		want  bool
	}{
		{sockdiag.Established, 1, true},
		{sockdiag.Established, 0, true}, // in the queue
		{sockdiag.CloseWait, 1, true},
		{sockdiag.FinWait2, 1, true}, // the server still reads
		{sockdiag.FinWait2, 0, false},
		{sockdiag.LastAck, 0, false},
		{sockdiag.Listen, 1, false},
	} {
		if got := isClient(sockdiag.Socket{State: tt.state, Inode: tt.inode}); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// TestUpdate: the time of a server is over when it has not been used for its idle time,
// but never before the kernel has reported its connection.
func TestUpdate(t *testing.T) {
	t.Parallel()
	begun := time.Unix(1000, 0)
	after := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	for _, tt := range []struct {
		name   string
		cookie uint64
		used   []time.Time // one question each second
		over   int         // the question that ends the server, from 1; 0: none
	}{
		{"a socket of nobody", 0, []time.Time{{}, {}, {}, {}}, 4},
		{"a socket of one", 0, []time.Time{{}, {}, after(3), {}, {}, {}, {}}, 7},
		{"a connection", 1, []time.Time{begun, begun, begun, begun}, 4},
		{"one that is used", 1, []time.Time{begun, begun, after(2), after(2), after(2), after(2)}, 6},
		{"one that is closed", 1, []time.Time{after(1), {}, {}, {}, {}}, 5},
		{"one that is not found", 1, []time.Time{{}, {}, {}, {}, {}, {}}, 0},
	} {
		var table Table
		s := &Server{Subject: Subject{Cookie: tt.cookie}, PID: 7, Time: 4 * time.Second, Since: begun}
		table.Add(s)
		over := 0
		for i := 0; i < len(tt.used) && over == 0; i++ {
			if list := table.Update(table.All(), tt.used[i:i+1], after(i+1)); len(list) > 0 {
				over = i + 1
			}
		}
		if over != tt.over {
			t.Errorf("%s: over at question %d, want %d", tt.name, over, tt.over)
		}
		table.Remove(7)
		if list := table.Update([]*Server{s}, make([]time.Time, 1), after(100)); len(list) > 0 {
			t.Errorf("%s: it has left the table", tt.name)
		}
	}
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	var table Table
	if d := table.Period(); d != 0 {
		t.Errorf("of nobody %v", d)
	}
	for pid, d := range []time.Duration{time.Hour, time.Minute, time.Hour} {
		table.Add(&Server{PID: pid, Time: d})
	}
	if d := table.Period(); d != 15*time.Second {
		t.Errorf("%v", d)
	}
	table.Add(&Server{PID: 9, Time: time.Millisecond})
	if d := table.Period(); d != minPeriod {
		t.Errorf("of the shortest %v", d)
	}
}

// BenchmarkQuestion measures what one question costs with 10,000 servers, without the
// kernel's part.
func BenchmarkQuestion(b *testing.B) {
	var table Table
	sockets := make([]sockdiag.Socket, 10_000)
	for i := range sockets {
		sockets[i] = sockdiag.Socket{State: sockdiag.Established, Cookie: uint64(i + 1)}
		table.Add(&Server{Subject: Subject{Cookie: uint64(i + 1)}, PID: i, Time: time.Hour, Since: time.Now()})
	}
	for b.Loop() {
		list, now := table.All(), time.Now()
		q, used := ordered(list), make([]time.Time, len(list))
		for _, s := range sockets {
			q.internet(list, used, s, now)
		}
		if over := table.Update(list, used, now); len(over) > 0 || table.Period() != 15*time.Minute {
			b.Fatal(over)
		}
	}
}
