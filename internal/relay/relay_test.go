package relay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the relay.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Flag {
		os.Exit(Main(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == confined {
		tryWays(os.Args[2], os.Args[3])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for anything.
const patience = time.Minute

// bench is a relay with the daemon's end of its pair.
type bench struct {
	*testing.T
	fd   int
	cmd  *exec.Cmd
	last uint32

	commands Commands
	reports  []Report // received, and not yet returned by next
}

func start(t *testing.T, c Config) *bench {
	t.Helper()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(theirs), "relay")
	defer f.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Stdin, cmd.Stderr, cmd.Env = c.Args(), f, os.Stderr, []string{"GORACE=atexit_sleep_ms=0"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, fd: ours, cmd: cmd}
	t.Cleanup(b.stop)
	return b
}

// stop has the relay end, and waits for that.
func (b *bench) stop() {
	if b.fd < 0 {
		return
	}
	unix.Close(b.fd)
	b.fd = -1
	timer := time.AfterFunc(patience, func() { b.cmd.Process.Kill() })
	defer timer.Stop()
	if err := b.cmd.Wait(); err != nil {
		b.Errorf("relay: %v", err)
	}
}

// listen returns a place, which is closed at the end of the test.
func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// client gives the relay the server's end of a new TCP connection and returns the client's,
// and the ID of the connection.
func (b *bench) client() (*net.TCPConn, uint32) {
	b.Helper()
	conn, fd := socktest.Connection(b)
	defer unix.Close(fd)
	conn.SetDeadline(time.Now().Add(patience))
	b.last++
	c := Connection{b.last, conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()}
	if err := Send(b.fd, c, fd); err != nil {
		b.Fatal(err)
	}
	return conn, b.last
}

// next returns the next report.
func (b *bench) next() Report {
	b.Helper()
	if len(b.reports) > 0 {
		r := b.reports[0]
		b.reports = b.reports[1:]
		return r
	}
	n, err := 0, error(unix.EINTR)
	for err == unix.EINTR {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}, int(patience/time.Millisecond))
	}
	if n != 1 {
		b.Fatalf("no report: %v", err)
	}
	if b.reports, err = Receive(b.fd); err != nil {
		b.Fatal(err)
	}
	return b.next()
}

func (b *bench) want(kind Kind, e syscall.Errno) Report {
	b.Helper()
	r := b.next()
	if r.Kind != kind || r.Errno != e {
		b.Fatalf("report %c, connection %d: %v; want %c, %v", r.Kind, r.ID, r.Errno, kind, e)
	}
	return r
}

// trust tells the relay that the server gave an answer.
func (b *bench) trust(answer Report) {
	b.Helper()
	if err := b.commands.Trust(b.fd, answer); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) tell(c Command) {
	b.Helper()
	if err := b.commands.Tell(b.fd, c); err != nil {
		b.Fatal(err)
	}
}

// trusting starts a relay whose clients may go on to a place.
func trusting(t *testing.T, l net.Listener) *bench {
	t.Helper()
	b := start(t, Config{Network: "tcp", Address: l.Addr().String(), Hold: true})
	b.tell(Open)
	b.trust(b.want(Answers, 0))
	accept(t, l) // an attempt of the relay's own
	return b
}

// accept returns the next connection at a place.
func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	if d, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		d.SetDeadline(time.Now().Add(patience))
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if n, err := io.ReadFull(conn, b); string(b) != text {
		t.Fatalf("got %q, %v; want %q", b[:n], err, text)
	}
}

func expectEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(conn); err != nil || len(b) > 0 {
		t.Fatalf("got %q, %v; want the end", b, err)
	}
}

func expectReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.ReadAll(conn); !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("%v; want a reset", err)
	}
}

// TestBothWays: each direction ends on its own, and the bytes of both are counted.
func TestBothWays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, network := range []string{"tcp", "unix"} {
		for i, address := range map[string][]string{"tcp": {"127.0.0.1:0"}, "unix": {filepath.Join(dir, "s"), fmt.Sprintf("@relay-test-%d", os.Getpid())}}[network] {
			t.Run(fmt.Sprint(network, i), func(t *testing.T) {
				t.Parallel()
				l := listen(t, network, address)
				b := start(t, Config{Network: network, Address: l.Addr().String()})
				conn, id := b.client()
				server := accept(t, l)
				send(t, conn, "request")
				expect(t, server, "request")
				conn.CloseWrite()
				expectEnd(t, server)
				send(t, server, "the answer")
				expect(t, conn, "the answer")
				server.Close()
				expectEnd(t, conn)
				if r := b.want(Ended, 0); r.ID != id || r.To != 7 || r.From != 10 {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

func TestServerEndsFirst(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String()})
	conn, _ := b.client()
	server := accept(t, l).(*net.TCPConn)
	server.CloseWrite()
	expectEnd(t, conn)
	send(t, conn, "late")
	conn.Close()
	expect(t, server, "late")
	expectEnd(t, server)
	b.want(Ended, 0)
}

// TestReset: a reset of one end is passed on to the other.
func TestReset(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String()})
	for range 2 {
		conn, _ := b.client()
		server := accept(t, l).(*net.TCPConn)
		from, to := conn, server
		if b.last == 2 {
			from, to = server, conn
		}
		send(t, from, "x")
		expect(t, to, "x")
		from.SetLinger(0)
		from.Close()
		expectReset(t, to)
		b.want(Ended, unix.ECONNRESET)
	}
}

// TestLoad: much that is sent both ways at once arrives, even if nobody reads for a while.
func TestLoad(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String()})
	const size = 24 << 20
	data := bytes.Repeat([]byte("0123456789abcde\n"), size/16)
	conn, _ := b.client()
	server := accept(t, l).(*net.TCPConn)
	sums := make(chan [32]byte, 2)
	var turn = make(chan struct{})
	go func() { _, _ = conn.Write(data); conn.CloseWrite(); close(turn) }()
	go func() { _, _ = server.Write(data); server.CloseWrite() }()
	go func() {
		all, _ := io.ReadAll(server)
		sums <- sha256.Sum256(all)
	}()
	go func() {
		<-turn // until then nothing that the server sends is read
		all, _ := io.ReadAll(conn)
		sums <- sha256.Sum256(all)
	}()
	for range 2 {
		if <-sums != sha256.Sum256(data) {
			t.Error("something else has arrived")
		}
	}
	if r := b.want(Ended, 0); r.To != size || r.From != size {
		t.Errorf("%+v", r)
	}
}

// TestRefused: a client that cannot be passed on is reset, and the daemon is told why.
func TestRefused(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		network, address string
		want             syscall.Errno
	}{
		{"tcp", "127.0.0.1:1", unix.ECONNREFUSED},
		{"unix", gone, unix.ENOENT},
		{"tcp", "no-such-host.invalid:1", errNoName},
	} {
		b := start(t, Config{Network: tt.network, Address: tt.address})
		conn, _ := b.client()
		expectReset(t, conn)
		b.want(Unreached, tt.want)
		b.stop()
	}
}

// TestAddresses: every address of a name is tried.
func TestAddresses(t *testing.T) {
	t.Parallel()
	addrs, err := net.LookupHost("localhost")
	if err != nil || len(addrs) == 0 {
		t.Skip("there is no localhost")
	}
	l := listen(t, "tcp", net.JoinHostPort(addrs[len(addrs)-1], "0"))
	_, port, _ := net.SplitHostPort(l.Addr().String())
	b := start(t, Config{Network: "tcp", Address: "localhost:" + port})
	conn, _ := b.client()
	send(t, accept(t, l), "here")
	expect(t, conn, "here")
}

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	for version := 1; version <= 2; version++ {
		b := start(t, Config{Network: "tcp", Address: l.Addr().String(), Proxy: version})
		conn, _ := b.client()
		server := accept(t, l)
		from, to := conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		if version == 1 {
			expect(t, server, fmt.Sprintf("PROXY TCP4 %s %s %d %d\r\n", from.Addr(), to.Addr(), from.Port(), to.Port()))
		} else {
			expect(t, server, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01"+
				string([]byte{byte(from.Port() >> 8), byte(from.Port()), byte(to.Port() >> 8), byte(to.Port())}))
		}
		send(t, conn, "data")
		expect(t, server, "data")
		b.stop2(conn, server)
	}
}

// stop2 ends connections and then the relay.
func (b *bench) stop2(conns ...net.Conn) {
	for _, c := range conns {
		c.Close()
	}
	b.stop()
}

// TestHold: clients wait until they may go on and the place answers.
func TestHold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	b := start(t, Config{Network: "unix", Address: path, Hold: true})
	b.tell(Probe)
	b.want(Silent, unix.ENOENT)
	one, _ := b.client()
	b.tell(Open)
	two, _ := b.client()
	// A socket that is bound but does not listen yet refuses, so it gets this name only later.
	l := listen(t, "unix", path+".new")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	b.trust(b.want(Answers, 0))
	for _, conn := range []net.Conn{one, two} {
		send(t, conn, "x")
		server := accept(t, l)
		expect(t, server, "x")
		conn.Close()
		server.Close()
		b.want(Ended, 0)
	}
	l.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	late, id := b.client()
	b.want(Silent, unix.ENOENT)
	b.tell(Refuse)
	expectReset(t, late)
	if r := b.want(Ended, ErrRefused); r.ID != id {
		t.Errorf("%+v", r)
	}
}

// TestHeld: after Hold no client goes on, not even to a place that answers.
func TestHeld(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String(), Hold: true})
	b.tell(Open)
	b.want(Answers, 0) // an attempt of the relay's own
	accept(t, l)
	b.tell(Hold)
	conn, _ := b.client()
	send(t, conn, "x")
	b.tell(Probe)
	r := b.want(Answers, 0)
	accept(t, l) // the one of Probe alone
	b.tell(Open)
	b.trust(r)
	server := accept(t, l)
	expect(t, server, "x")
	b.stop2(conn, server)
}

// TestTrust: nothing of a client goes to a place before the daemon knows who answers
// there. Its trust holds until the place falls silent.
func TestTrust(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := filepath.Join(t.TempDir(), "s")
			if network == "tcp" {
				address = "127.0.0.1:0"
			}
			l := listen(t, network, address)
			b := start(t, Config{Network: network, Address: l.Addr().String(), Hold: true, Proxy: 1})
			conn, _ := b.client()
			send(t, conn, "x")
			b.tell(Open)
			first := b.want(Answers, 0)
			if o := first.Owner(); !o.Known || int(o.UID) != os.Getuid() || o.Inode == 0 && int(o.PID) != os.Getpid() {
				t.Errorf("%+v", o)
			}
			doubted := accept(t, l)
			b.tell(Hold)
			expectEnd(t, doubted) // not a byte, nor a PROXY header
			b.tell(Open)
			second := b.want(Answers, 0)
			again := accept(t, l)
			b.trust(first) // which was another answer
			b.tell(Hold)
			expectEnd(t, again)
			b.tell(Open)
			b.trust(b.want(Answers, 0))
			server := accept(t, l)
			expect(t, server, "PROXY ")
			b.trust(second)
			b.stop2(conn, server)
		})
	}
}

// TestDistrust: clients that wait are refused if somebody else answers at the place.
func TestDistrust(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String(), Hold: true})
	one, _ := b.client()
	two, _ := b.client()
	b.tell(Open)
	b.want(Answers, 0)
	b.tell(Refuse)
	b.tell(Hold)
	expectReset(t, one)
	expectReset(t, two)
	b.want(Ended, ErrRefused)
	b.want(Ended, ErrRefused)
}

// TestGone: a client that resets its connection while it waits is forgotten.
func TestGone(t *testing.T) {
	t.Parallel()
	b := start(t, Config{Network: "tcp", Address: "127.0.0.1:1", Hold: true})
	conn, _ := b.client()
	conn.SetLinger(0)
	conn.Close()
	b.want(Ended, unix.ECONNRESET)
}

// TestWake: a client counts once it has sent something. One that ends before, or takes too
// long, never counts.
func TestWake(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	c := Config{Network: "tcp", Address: l.Addr().String(), Hold: true, WakeData: true, Patience: 100 * time.Millisecond}
	hasty := start(t, c)
	silent, _ := hasty.client()
	expectEnd(t, silent)
	hasty.want(Ended, 0)
	hasty.stop2()
	c.Patience = patience
	b := start(t, c)
	scan, _ := b.client()
	scan.Close()
	b.want(Ended, 0)
	first, id := b.client()
	send(t, first, "x")
	if r := b.want(Awake, 0); r.ID != id {
		t.Errorf("%+v", r)
	}
	other, id := b.client()
	b.tell(Open)
	b.trust(b.want(Answers, 0))
	if r := b.want(Awake, 0); r.ID != id { // the place may speak first
		t.Errorf("%+v", r)
	}
	one, two := accept(t, l), accept(t, l)
	expect(t, one, "x")
	send(t, two, "hello")
	expect(t, other, "hello")
	b.stop2(first, other, one, two)
}

// TestPlaceHasEnded: when the server has ended, a connection ends once its client has got
// all that the server sent, be that before the relay is told or after. One that the server
// has not closed lasts, as does a half-closed one to the next server.
func TestPlaceHasEnded(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := trusting(t, l)
	join := func() (client, server *net.TCPConn, id uint32) {
		client, id = b.client()
		server = accept(t, l).(*net.TCPConn)
		send(t, server, "hello")
		expect(t, client, "hello")
		return client, server, id
	}
	over := func(id uint32) {
		t.Helper()
		if r := b.want(Ended, 0); r.ID != id {
			t.Errorf("connection %d has ended, want %d", r.ID, id)
		}
	}
	before, beforeServer, beforeID := join()
	after, afterServer, afterID := join()
	stays, staysServer, staysID := join()
	beforeServer.CloseWrite()
	expectEnd(t, before) // and the client's half lasts
	send(t, before, "half")
	expect(t, beforeServer, "half")
	b.tell(Gone)
	over(beforeID)
	afterServer.CloseWrite()
	over(afterID)
	expectEnd(t, after)
	send(t, stays, "x")
	expect(t, staysServer, "x")

	b.tell(Hold)
	next, nextID := b.client()
	b.tell(Open)
	b.trust(b.want(Answers, 0))
	nextServer := accept(t, l).(*net.TCPConn)
	nextServer.CloseWrite()
	expectEnd(t, next)
	send(t, next, "half")
	expect(t, nextServer, "half")
	next.Close()
	over(nextID)
	stays.Close()
	staysServer.Close()
	over(staysID)
}

// TestOrphan: without a daemon a relay serves the clients that are connected, and then ends.
func TestOrphan(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := trusting(t, l)
	conn, _ := b.client()
	server := accept(t, l)
	send(t, conn, "before")
	expect(t, server, "before")
	b.tell(Hold)
	l.Close()
	held, _ := b.client()
	unix.Close(b.fd)
	b.fd = -1
	expectReset(t, held)
	send(t, server, "after")
	expect(t, conn, "after")
	conn.Close()
	server.Close()
	if err := b.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestNoRoom: the daemon is told of a client for which the relay has no descriptor.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	b := start(t, Config{Network: "tcp", Address: "127.0.0.1:1", Hold: true})
	b.tell(Probe)
	b.want(Silent, unix.ECONNREFUSED) // it runs
	if err := unix.Prlimit(b.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4, Max: 4}, nil); err != nil {
		t.Fatal(err)
	}
	conn, _ := b.client()
	b.want(Unreached, unix.EMFILE)
	expectEnd(t, conn)
}

// TestNoPipe: much goes both ways even if there is no descriptor for a pipe.
func TestNoPipe(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String()})
	conn, _ := b.client()
	server := accept(t, l).(*net.TCPConn)
	send(t, conn, "x")
	expect(t, server, "x")
	if err := unix.Prlimit(b.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4, Max: 4}, nil); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcde\n"), 4<<20/16)
	for _, ends := range [][2]*net.TCPConn{{conn, server}, {server, conn}} {
		go func() { _, _ = ends[0].Write(data); ends[0].CloseWrite() }()
		if got, err := io.ReadAll(ends[1]); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes of %d have arrived, %v", len(got), len(data), err)
		}
	}
	b.want(Ended, 0)
}

func TestWire(t *testing.T) {
	t.Parallel()
	for _, c := range []Connection{
		{}, {7, netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("[2001:db8::1]:65535")}, {1<<32 - 1, netip.AddrPort{}, netip.AddrPort{}},
	} {
		if got, err := decodeConnection(c.encode()); got != c || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, c)
		}
	}
	for _, r := range []Report{{Kind: Silent, Errno: 5}, {Ended, 1<<32 - 1, 104, 1 << 63, 1<<64 - 1}, {Kind: Unreached, Errno: 6}, {Kind: Broken, Errno: 7}} {
		if got, err := decodeReport(r.encode()); got != r || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, r)
		}
	}
	list := []Report{{Kind: Ended, ID: 1, Errno: unix.EPIPE, To: 2, From: 3}, {Kind: Awake, ID: 4}, {Kind: Silent, Errno: unix.ECONNREFUSED}}
	if got, err := decodeReports(encodeReports(list)); !slices.Equal(got, list) || err != nil {
		t.Errorf("%+v, %v; want %+v", got, err, list)
	}
	for _, b := range [][]byte{nil, encodeReports(list)[1:], append(encodeReports(list), 'e'), encodeReports(make([]Report, maxReports+1))} {
		if got, err := decodeReports(b); err == nil {
			t.Errorf("%q are the reports %+v", b, got)
		}
	}
	for _, b := range [][]byte{nil, []byte("e"), make([]byte, reportSize), append(Report{Kind: Ended}.encode(), 0)} {
		if r, err := decodeReport(b); err == nil {
			t.Errorf("%q is read as %+v", b, r)
		}
		if c, err := decodeConnection(b); err == nil {
			t.Errorf("%q is read as %+v", b, c)
		}
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{Network: "tcp", Address: "a:1"}, {"unix", "/x y", true, true, time.Minute, 2}, {Network: "vsock", Address: "1:2", Hold: true}} {
		if got, err := configOf(c.Args()[2:]); got != c || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, c)
		}
	}
	if Main([]string{"tcp"}) == 0 || Main(Config{Network: "tcp"}.Args()[2:]) == 0 {
		t.Error("anybody may start it")
	}
}

// TestCommandsWait: commands that a relay does not take at once are kept, and come in their
// order. A relay that never takes any is deaf.
func TestCommandsWait(t *testing.T) {
	t.Parallel()
	ours, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ours)
	relay := os.NewFile(uintptr(theirs), "relay") // closed once, whatever happens
	defer relay.Close()
	var q Commands
	told := ""
	for i := 0; !q.Waiting(); i++ {
		c := []Command{Open, Hold, Refuse}[i%3]
		if err := q.Tell(ours, c); err != nil {
			t.Fatal(err)
		}
		told += string(c)
	}
	if err := q.Trust(ours, Report{}); err != nil {
		t.Fatal(err)
	}
	told += string(trust)
	got := ""
	for b := make([]byte, 10); len(got) < len(told); {
		if n, err := unix.Read(theirs, b); err != nil || n < 1 {
			t.Fatalf("%q, %v", got, err)
		}
		got += string(b[:1])
		if err := q.Flush(ours); err != nil {
			t.Fatal(err)
		}
	}
	if got != told || q.Waiting() {
		t.Errorf("got %q, want %q", got, told)
	}
	for err = nil; err == nil; {
		err = q.Tell(ours, Hold)
	}
	if err != ErrDeaf || len(q.Unsaid) != maxUnsaid {
		t.Errorf("%v, with %d commands", err, len(q.Unsaid))
	}
	relay.Close()
	err = q.Flush(ours)
	for deadline := time.Now().Add(patience); err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		err = q.Flush(ours) // a fork of another test may have the relay's end until its exec
	}
	if err != unix.EPIPE && err != unix.ECONNRESET { // reset: it has left commands unread
		t.Errorf("ended: %v", err)
	}
}
