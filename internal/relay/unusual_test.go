package relay

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// unixClient gives the relay one end of a pair of UNIX-domain sockets and returns the other,
// and the ID of the connection.
func (b *bench) unixClient() (*net.UnixConn, uint32) {
	b.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(fds[0])
	f := os.NewFile(uintptr(fds[1]), "client")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	b.last++
	if err := Send(b.fd, Connection{ID: b.last}, fds[0]); err != nil {
		b.Fatal(err)
	}
	return conn.(*net.UnixConn), b.last
}

// eachNetwork runs a test with both ends of a relayed connection, over each network.
func eachNetwork(t *testing.T, test func(t *testing.T, b *bench, client, server net.Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			l := listen(t, network, address)
			b := start(t, Config{Network: network, Address: l.Addr().String()})
			var conn net.Conn
			if network == "unix" {
				conn, _ = b.unixClient()
			} else {
				conn, _ = b.client()
			}
			test(t, b, conn, accept(t, l))
		})
	}
}

// sendWith sends a byte with descriptors or flags.
func sendWith(t *testing.T, conn net.Conn, b byte, rights []byte, flags int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		failed = unix.Sendmsg(int(fd), []byte{b}, rights, nil, flags)
		return failed != unix.EAGAIN
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// much is more than the relay copies at a time.
var much = bytes.Repeat([]byte("0123456789abcde\n"), 20*readSize/16)

// between sends much, then something special, then much again and the end, and wants all
// of it to arrive; text is what special sends.
func between(t *testing.T, from, to net.Conn, special func(), text string) {
	t.Helper()
	all := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(to)
		all <- b
	}()
	send(t, from, string(much))
	special()
	send(t, from, string(much))
	from.(interface{ CloseWrite() error }).CloseWrite()
	if got, want := <-all, string(much)+text+string(much); string(got) != want {
		t.Errorf("%d bytes, want %d, or others", len(got), len(want))
	}
}

// TestUrgent: urgent data arrives in its place among the rest, though no longer as urgent,
// whether bytes are copied or spliced.
func TestUrgent(t *testing.T) {
	t.Parallel()
	eachNetwork(t, func(t *testing.T, b *bench, client, server net.Conn) {
		for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
			from, to := ends[0], ends[1]
			send(t, from, "before")
			sendWith(t, from, '!', nil, unix.MSG_OOB)
			expect(t, to, "before!") // nothing comes behind it that would wake the relay
			send(t, from, "behind")
			expect(t, to, "behind")
			between(t, from, to, func() { sendWith(t, from, '!', nil, unix.MSG_OOB) }, "!")
		}
		b.want(Ended, 0)
	})
}

// TestDescriptors: descriptors that one end sends to the other are closed by the relay, and
// the bytes that they come with go on.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l := listen(t, "unix", path)
	b := start(t, Config{Network: "unix", Address: path})
	client, _ := b.unixClient()
	server := accept(t, l)
	for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
		from, to := ends[0].(*net.UnixConn), ends[1].(*net.UnixConn)
		pass := func() {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			sendWith(t, from, '!', unix.UnixRights(int(w.Fd())), 0)
			w.Close()
			r.SetReadDeadline(time.Now().Add(patience))
			if _, err := r.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("somebody still has the descriptor: %v", err)
			}
		}
		pass()
		var text, rights [64]byte
		n, m, _, _, err := to.ReadMsgUnix(text[:], rights[:])
		if string(text[:n]) != "!" || m > 0 || err != nil {
			t.Errorf("%q with %d bytes of descriptors, %v", text[:n], m, err)
		}
		between(t, from, to, pass, "!")
	}
	b.want(Ended, 0)
}

// TestResetMeets: a reset is passed on even while bytes wait for the other end, which does
// not read.
func TestResetMeets(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	b := start(t, Config{Network: "tcp", Address: l.Addr().String()})
	for _, clientResets := range []bool{true, false} {
		conn, _ := b.client()
		server := accept(t, l).(*net.TCPConn)
		from, to := conn, server
		if !clientResets {
			from, to = server, conn
		}
		from.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		for { // until nobody has room for more
			if _, err := from.Write(much); err != nil {
				break
			}
		}
		from.SetLinger(0)
		from.Close()
		b.want(Ended, unix.ECONNRESET)
		if _, err := io.Copy(io.Discard, to); err == nil {
			t.Error("it ends in order")
		}
	}
}

// within returns a relay in this process with one connection, and the descriptors of the
// client, from, and of the server, to.
func within(t *testing.T) (r *relay, c *conn, from, to int) {
	t.Helper()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	r, c = &relay{poll: poll}, &conn{state: relayed}
	var ends [2]int
	for which := range ends {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
		}
		c.sides[which].fd, ends[which] = fds[0], fds[1]
		r.watch(c, which)
		t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	}
	t.Cleanup(func() {
		unix.Close(poll)
		for _, p := range append(r.pipes.spare, c.flows[client].pipe) {
			if p != nil {
				unix.Close(p.r)
				unix.Close(p.w)
			}
		}
	})
	return r, c, ends[client], ends[place]
}

// turn handles the events that there are, and returns how many descriptors had one.
func (r *relay) turn(t *testing.T) int {
	t.Helper()
	var events [4]unix.EpollEvent
	n, err := unix.EpollWait(r.poll, events[:], 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r.event(&events[i])
	}
	return n
}

// TestNotWokenInVain: a side that sends does not wake the relay while the other side has no
// room, and does again afterwards.
func TestNotWokenInVain(t *testing.T) {
	t.Parallel()
	r, c, from, to := within(t)
	sent := 0
	fill := func() (more int) {
		for {
			n, err := unix.Write(from, much)
			if err != nil {
				return more
			}
			sent, more = sent+n, more+n
		}
	}
	for fill() > 0 { // until nobody has room
		for r.turn(t) > 0 || len(r.takeBusy()) > 0 {
			r.pump(c)
		}
	}
	b := make([]byte, 1<<20)
	early, err := unix.Read(c.sides[client].fd, b) // so that there is room for more to come
	if err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Write(from, much[:100]); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	if n := r.turn(t); n != 0 {
		t.Errorf("%d descriptors woke it", n)
	}
	got := early
	sent += 100
	for n, err := 1, error(nil); n > 0; {
		if n, err = unix.Read(to, b); err != nil {
			n = 0
		}
		got += max(n, 0)
		for more := n > 0; more; {
			more = r.turn(t) > 0
			for _, c := range r.takeBusy() {
				r.pump(c)
				more = true
			}
		}
	}
	if got != sent {
		t.Errorf("%d bytes of %d have come", got, sent)
	}
	if n, err := unix.Write(from, much[:100]); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	r.turn(t)
	if n, err := unix.Read(to, b); n != 100 || err != nil {
		t.Errorf("later: %d bytes, %v", n, err)
	}
}

// TestSwitch: little is copied and much is spliced, and the pipe is free for another
// connection when little comes again.
func TestSwitch(t *testing.T) {
	t.Parallel()
	r, c, from, to := within(t)
	c.sides[place].writable = true
	f := &c.flows[client]
	for _, tt := range []struct {
		size    int
		spliced bool
	}{{100, false}, {2 * readSize, true}, {2 * readSize, true}, {100, false}, {100, false}} {
		if n, err := unix.Write(from, much[:tt.size]); n != tt.size || err != nil {
			t.Fatal(n, err)
		}
		c.sides[client].readable = true
		if _, err := r.move(c, client); err != nil {
			t.Fatal(err)
		}
		if f.bulk != tt.spliced || f.pipe != nil || !f.empty() {
			t.Errorf("%d bytes: %+v", tt.size, f)
		}
		got := make([]byte, len(much))
		if n, err := unix.Read(to, got); err != nil || !bytes.Equal(got[:n], much[:tt.size]) {
			t.Errorf("%d bytes of %d, %v", n, tt.size, err)
		}
	}
	if len(r.pipes.spare) != 1 {
		t.Errorf("%d pipes for what was spliced twice", len(r.pipes.spare))
	}
}

// TestFullQueue: clients wait while the listen queue of a place is full. At a UNIX-domain
// place connect(2) fails at once, and TCP tries again only after seconds.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]bool{"direct": false, "hold": true} {
		t.Run("unix "+name, func(t *testing.T) {
			t.Parallel()
			fullQueue(t, hold, shortQueue(t, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "s")}))
		})
		t.Run("tcp "+name, func(t *testing.T) {
			t.Parallel()
			fullQueue(t, hold, shortQueue(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		})
	}
}

// shortQueue returns a place whose listen queue has room for one connection.
func shortQueue(t *testing.T, at unix.Sockaddr) net.Listener {
	t.Helper()
	fd, err := unix.Socket(familyOf(at), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "place")
	defer f.Close()
	if err := errors.Join(unix.Bind(fd, at), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func fullQueue(t *testing.T, hold bool, l net.Listener) {
	b := start(t, Config{Network: l.Addr().Network(), Address: l.Addr().String(), Hold: hold})
	if hold {
		b.tell(Open)
		b.trust(b.want(Answers, 0))
		accept(t, l) // an attempt of the relay's own
	}
	var clients []net.Conn
	for range 5 {
		conn, _ := b.client()
		send(t, conn, "x")
		clients = append(clients, conn)
	}
	for range clients {
		server := accept(t, l)
		expect(t, server, "x")
		send(t, server, "y")
		server.Close()
	}
	for _, conn := range clients {
		expect(t, conn, "y")
		conn.Close()
		b.want(Ended, 0)
	}
}

// TestCrowd: if the listen queue of a place is full, an attempt to reach it over TCP is soon
// given up and made again, and other clients do not begin one meanwhile.
func TestCrowd(t *testing.T) {
	t.Parallel()
	l := shortQueue(t, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	queued, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	r := &relay{open: true, names: resolver{addrs: []unix.Sockaddr{sockaddrOf(l)}}}
	first, second := r.add(Connection{}, -1), r.add(Connection{}, -1)
	r.wait(first)
	r.wait(second)
	now := time.Now()
	r.goOn(now)
	if first.state != dialing || second.state != waiting || !r.again.After(now) {
		t.Errorf("states %d and %d, again after %v", first.state, second.state, r.again.Sub(now))
	}
	now = now.Add(crowdTime + time.Second)
	if r.sweep(now); first.state != waiting || first.sides[place].fd >= 0 {
		t.Errorf("state %d with descriptor %d after the attempt was to be given up", first.state, first.sides[place].fd)
	}
	accept(t, l)
	r.goOn(now.Add(time.Second))
	if awaitAnswer(r, first); first.state != relayed {
		t.Errorf("state %d when there is room", first.state)
	}
}

// TestCrowdAtOneAddress: if the listen queue at one address of a place is full, the other
// addresses are tried before the client waits. The client waits too if the others refuse
// it, but not if all addresses do.
func TestCrowdAtOneAddress(t *testing.T) {
	t.Parallel()
	local := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	full := shortQueue(t, local)
	queued, err := net.Dial("tcp", full.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	free, closed := listen(t, "tcp", "127.0.0.1:0"), boundOnly(t, local)
	for name, tt := range map[string]struct {
		other unix.Sockaddr
		want  state
	}{"free": {sockaddrOf(free), relayed}, "refuses": {closed, waiting}, "full": {sockaddrOf(full), dialing}} {
		r := &relay{open: true, names: resolver{addrs: []unix.Sockaddr{sockaddrOf(full), tt.other}}}
		c := r.add(Connection{ID: 7}, -1)
		c.probe = false
		r.wait(c)
		now := time.Now()
		r.goOn(now)
		if r.sweep(now.Add(time.Second)); c.state != tt.want || len(r.reports) != 0 {
			t.Errorf("%s: state %d, want %d, reports %+v", name, c.state, tt.want, r.reports)
		}
		if tt.want != waiting {
			r.end(c, 0)
			continue
		}
		r.names.addrs = []unix.Sockaddr{closed}
		if r.goOn(now.Add(time.Minute)); len(r.reports) != 1 || r.reports[0] != (Report{Kind: Unreached, ID: 7, Errno: unix.ECONNREFUSED}) {
			t.Errorf("%s: state %d, reports %+v", name, c.state, r.reports)
		}
	}
}

// boundOnly returns an address that is bound, so that nobody listens there or can begin to.
func boundOnly(t *testing.T, at unix.Sockaddr) unix.Sockaddr {
	t.Helper()
	fd, err := unix.Socket(familyOf(at), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, at); err != nil {
		t.Fatal(err)
	}
	if at, err = unix.Getsockname(fd); err != nil {
		t.Fatal(err)
	}
	return at
}

// TestCrowdForLong: a client is reset if the listen queue stays full for too long.
func TestCrowdForLong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		full time.Duration
		want []Report
	}{
		{dialTime - 10*time.Second, nil},
		{dialTime + time.Second, []Report{{Kind: Unreached, ID: 7, Errno: unix.ETIMEDOUT}}},
	} {
		r := &relay{poll: -1, open: true}
		c := r.add(Connection{ID: 7}, -1)
		c.probe = false
		c.state, c.crowded = dialing, time.Now().Add(-tt.full)
		if r.late(c); !slices.Equal(r.reports, tt.want) || len(r.waiting) != 1-len(tt.want) {
			t.Errorf("full for %v: reports %+v, %d waiting", tt.full, r.reports, len(r.waiting))
		}
	}
}

// sockaddrOf returns the address of a TCP listener.
func sockaddrOf(l net.Listener) unix.Sockaddr {
	at := l.Addr().(*net.TCPAddr).AddrPort()
	return sockaddr(at.Addr(), at.Port())
}

// awaitAnswer waits for the outcome of an attempt, which takes a moment if the kernel leaves
// the packets of the loopback device to its thread ksoftirqd.
func awaitAnswer(r *relay, c *conn) {
	if c.state == dialing {
		awaitEvent(c.sides[place].fd, unix.POLLOUT)
		r.dialed(c)
	}
}

// awaitEvent waits for an event or an error of a descriptor.
func awaitEvent(fd int, event int16) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: event}}
	for deadline := time.Now().Add(patience); fds[0].Revents == 0 && time.Now().Before(deadline); {
		unix.Poll(fds, 1000)
	}
}

// TestNextAddress: the next address of a place is tried when one does not answer in time.
func TestNextAddress(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp", "127.0.0.1:0")
	r := &relay{}
	c := r.add(Connection{}, -1)
	c.state, c.addrs = dialing, []unix.Sockaddr{sockaddrOf(l)}
	begun := time.Now()
	r.setDeadline(c, begun.Add(eachTime))
	if r.sweep(begun); c.state != dialing || len(c.addrs) != 1 {
		t.Fatalf("state %d and %d addresses left too early", c.state, len(c.addrs))
	}
	r.sweep(begun.Add(eachTime))
	if awaitAnswer(r, c); c.state != relayed {
		t.Errorf("state %d", c.state)
	}
}

// TestUrgentAtTheEnd: urgent data just before the end is read, though splice(2) says the end.
func TestUrgentAtTheEnd(t *testing.T) {
	t.Parallel()
	r, c, _, to := within(t)
	l := listen(t, "tcp", "127.0.0.1:0")
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f, err := accept(t, l).(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	sendWith(t, conn, '!', nil, unix.MSG_OOB)
	conn.(*net.TCPConn).CloseWrite()
	awaitEvent(fd, unix.POLLRDHUP)
	c.sides[client].fd = fd
	r.watch(c, client)
	c.sides[client].readable, c.sides[place].writable, c.flows[client].bulk = true, true, true
	if _, err := r.move(c, client); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, err := unix.Read(to, b); string(b[:max(n, 0)]) != "!" || err != nil {
		t.Errorf("%q, %v", b[:max(n, 0)], err)
	}
}

// TestBroken: an error of the connection to the place is reported as Broken, whether a read
// or a write meets it, and a reset is not.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		at    func(*conn) // sets what the relay knows of the connection
		broke func(t *testing.T) int
		want  Report
	}{
		{"read", func(c *conn) { c.sides[place].readable = true }, refused, Report{Kind: Broken, Errno: unix.ECONNREFUSED}},
		{"written", func(c *conn) { c.sides[place].writable, c.flows[client].rest = true, []byte("x") }, refused, Report{Kind: Broken, Errno: unix.ECONNREFUSED}},
		{"reset", func(c *conn) { c.sides[place].readable = true }, reset, Report{Kind: Ended, Errno: unix.ECONNRESET}},
	} {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(ends[1])
		r := &relay{poll: -1}
		c := &conn{state: relayed}
		c.sides[client].fd, c.sides[place].fd = ends[0], tt.broke(t)
		r.conns = []*conn{c}
		tt.at(c)
		r.pump(c)
		if len(r.reports) != 1 || r.reports[0] != tt.want {
			t.Errorf("%s: reports %+v, want %+v", tt.name, r.reports, tt.want)
		}
	}
}

// refused returns a socket with a pending error: nobody received its datagram.
func refused(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}}), unix.Send(fd, []byte("x"), 0)); err != nil {
		t.Fatal(err)
	}
	awaitEvent(fd, 0)
	return fd
}

// reset returns a socket that was reset.
func reset(t *testing.T) int {
	t.Helper()
	l := listen(t, "tcp", "127.0.0.1:0")
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, sockaddrOf(l)); err != nil {
		t.Fatal(err)
	}
	server := accept(t, l).(*net.TCPConn)
	server.SetLinger(0)
	server.Close()
	unix.SetNonblock(fd, true)
	awaitEvent(fd, 0)
	return fd
}
