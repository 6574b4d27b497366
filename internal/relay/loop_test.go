package relay

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTrustIsOfOneAnswer: the daemon trusts whoever gave one answer, and nobody who answers
// at the same place later.
func TestTrustIsOfOneAnswer(t *testing.T) {
	t.Parallel()
	second := []byte{byte(trust), 0, 0, 0, 2}
	r := &relay{answer: 2, cfg: Config{Hold: true}}
	r.command(second, -1)
	if r.trusted {
		t.Error("a place is trusted that does not answer")
	}
	r.answered = true
	r.command([]byte{byte(trust), 0, 0, 0, 1}, -1)
	if r.trusted {
		t.Error("it is trusted for the one before it")
	}
	r.command(second[:4], -1)
	if r.trusted {
		t.Error("it is trusted for half a command")
	}
	r.command(second, -1)
	if !r.trusted {
		t.Error("it is not trusted")
	}
	r.silent()
	if r.trusted || r.answered {
		t.Error("it is trusted for longer than it answers")
	}
}

// TestRefuse: clients that wait for the place are refused, also in the middle of an attempt
// to reach it. Clients that sleep or are served go on.
func TestRefuse(t *testing.T) {
	t.Parallel()
	r := &relay{cfg: Config{Hold: true}}
	for s := asleep; s <= relayed; s++ {
		c := r.add(Connection{ID: uint32(s)}, -1)
		c.probe = false
		if c.state = s; s == waiting {
			r.wait(c)
		}
	}
	r.command([]byte{byte(Refuse)}, -1)
	refused := map[state]bool{}
	for _, p := range r.reports {
		refused[state(p.ID)] = p.Kind == Ended && p.Errno == ErrRefused
	}
	if want := map[state]bool{waiting: true, looking: true, dialing: true, doubted: true}; !maps.Equal(refused, want) || len(r.conns) != 2 || len(r.waiting) != 0 {
		t.Errorf("refused in the states %v, %d are left and %d wait", refused, len(r.conns), len(r.waiting))
	}
}

// TestStaleEvent: an event of a connection that has ended since is not taken for one of the
// next connection, whose descriptor may have the same number.
//
// It is not parallel: another test could open a descriptor in between.
func TestStaleEvent(t *testing.T) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(poll)
	r := &relay{cfg: Config{Hold: true}, poll: poll}
	first, far := pair(t)
	old := r.add(Connection{ID: 1}, first)
	unix.Close(far)
	events := make([]unix.EpollEvent, 2)
	if n, err := unix.EpollWait(poll, events, -1); n != 1 || err != nil {
		t.Fatalf("%d events, %v", n, err)
	}
	r.end(old, 0)
	next, far := pair(t)
	defer unix.Close(far)
	if next != first {
		t.Fatalf("the number of the next one is %d and not %d", next, first)
	}
	c := r.add(Connection{ID: 2}, first)
	r.event(&events[0])
	if c.sides[client].fd != first || c.sides[client].broken {
		t.Fatalf("it is taken for the end of the next one: %+v", r.reports)
	}
	r.end(c, 0)
}

// pair returns two connected sockets that do not block. The caller closes them.
func pair(t *testing.T) (near, far int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// null opens a descriptor that takes everything.
func null(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestShareOfOne: a client who sends without end lets others have their turn.
func TestShareOfOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "long")
	if err := os.WriteFile(path, make([]byte, 4*share), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(in)
	out := null(t)
	defer unix.Close(out)
	r, c := &relay{}, &conn{}
	c.sides[client] = side{fd: in, readable: true}
	c.sides[place] = side{fd: out, writable: true}
	turns := 0
	for more := true; more; turns++ {
		before := c.flows[client].moved
		if more, err = r.move(c, client); err != nil {
			t.Fatal(err)
		}
		if moved := c.flows[client].moved - before; moved >= 2*share {
			t.Errorf("%d bytes at a time", moved)
		}
	}
	if all := c.flows[client].moved; all != 4*share || turns < 3 {
		t.Errorf("%d bytes in %d turns", all, turns)
	}
}

// TestPause: a place is tried often at first, and a slow start takes no more than a
// thousandth longer.
func TestPause(t *testing.T) {
	t.Parallel()
	for waited, want := range map[time.Duration]time.Duration{
		0: 2 * time.Millisecond, time.Second: 2 * time.Millisecond, 5 * time.Second: 5 * time.Millisecond, time.Minute: 10 * time.Millisecond,
	} {
		if got := pause(waited); got != want {
			t.Errorf("after %v: %v, want %v", waited, got, want)
		}
	}
}

// TestFound: the addresses of the last lookup replace those of the one before.
func TestFound(t *testing.T) {
	t.Parallel()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(wake)
	r := &relay{names: resolver{host: "place", port: 80, wake: wake, mu: new(sync.Mutex)}}
	for range 2 {
		r.names.answer = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		if r.found(); len(r.names.addrs) != 1 || !r.names.known() || r.names.asked {
			t.Errorf("%d addresses, known %v", len(r.names.addrs), r.names.known())
		}
	}
}

// TestQueueOfPlace: a client waits for room in the listen queue of its place, but not for ever.
func TestQueueOfPlace(t *testing.T) {
	t.Parallel()
	r, c := &relay{}, &conn{}
	c.sides[place].fd = -1
	if !r.queue(c) || c.state != waiting || len(r.waiting) != 1 {
		t.Error("it does not wait")
	}
	c.crowded = c.crowded.Add(-dialTime)
	if r.queue(c) {
		t.Error("it waits for ever")
	}
}
