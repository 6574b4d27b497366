package relay

import (
	"cmp"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// relay is the state of the process. It belongs to the goroutine of run.
type relay struct {
	cfg      Config
	poll     int           // the epoll descriptor
	sides    []*side       // by descriptor
	watched  int32         // how many sides have been polled so far: their numbers
	conns    []*conn       // all connections
	waiting  []*conn       // those that wait for the place, the oldest first
	busy     []*conn       // those with more to move than their share of a turn
	timed    int           // how many connections have a deadline
	reports  []Report      // not yet sent to the daemon
	moved    bool          // bytes were moved since events were last awaited
	deaf     bool          // the daemon's queue is full: reports wait for room
	orphan   bool          // the daemon has closed its end, or ended
	open     bool          // clients may go on to the place
	answered bool          // the place did, when it was last tried
	trusted  bool          // the daemon has said that who answers is the server
	gone     bool          // the server has ended, and no other was trusted since
	answer   uint32        // how often the place has begun to answer
	trying   *conn         // the one connection that finds out whether the place answers
	errno    syscall.Errno // why the place does not, as reported; 0: not reported
	opened   time.Time     // since when the place is tried
	again    time.Time     // when the place is tried again
	due      time.Time     // when deadlines are checked again
	names    resolver
	pipes    pipes
	buffer   [readSize]byte // shared by all connections
	rights   [64]byte       // the descriptor that comes with a message
}

// side is one end of a relayed connection.
type side struct {
	fd       int
	number   int32 // its events carry it, as the descriptor may be another connection's by then: see event
	conn     *conn
	readable bool // an event said so, and no read has found it empty since
	writable bool // an event said so, and no write has found it full since
	broken   bool // there was an error, or both directions are closed
	exact    bool // it must be read until nothing is left: see take
	given    bool // something was written to it
	prompt   bool // TCP_NODELAY is set: see give
	unheard  bool // it is not polled for input: see hear
}

// The sides of a connection.
const (
	client = 0
	place  = 1
)

// conn is a client's connection and the one to the place that it is relayed to.
type conn struct {
	Connection
	sides    [2]side
	flows    [2]flow // from the client, from the place
	index    int     // in relay.conns
	state    state
	probe    bool // there is no client: the connection only finds out whether the place answers
	deadline time.Time
	crowded  time.Time       // since when the listen queue of the place has been full; zero: it was not
	addrs    []unix.Sockaddr // of the place, still to be tried
	errno    syscall.Errno   // of the last attempt
	full     bool            // the listen queue at an address that was tried is full
	how      Kind            // of the report of its end; 0: Ended
}

// state is how far a connection has come.
type state uint8

const (
	asleep  state = iota // its client must send something first
	waiting              // for the place
	looking              // the name of the place is being looked up
	dialing
	doubted // connected to the place, but nothing is sent before the daemon trusts who answers
	relayed
)

func newRelay(c Config) (*relay, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	names, err := newResolver(c)
	if err != nil {
		return nil, err
	}
	r := &relay{cfg: c, poll: poll, names: names, open: !c.Hold}
	add := func(fd int, events uint32) error {
		return os.NewSyscallError("epoll_ctl", unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
	}
	return r, errors.Join(add(control, unix.EPOLLIN), add(names.wake, unix.EPOLLIN))
}

// run serves until the daemon and all connections are gone.
func (r *relay) run() {
	events := make([]unix.EpollEvent, 256)
	for !r.orphan || len(r.conns) > 0 {
		n, err := r.await(events)
		if err != nil && err != unix.EINTR {
			return
		}
		for i := range max(n, 0) {
			r.event(&events[i])
		}
		for _, c := range r.takeBusy() {
			r.pump(c)
		}
		r.sweep(time.Now())
		r.goOn(time.Now())
		if !r.deaf {
			r.flush()
		}
	}
}

// How long await waits at most, in ms, before it tells Go's runtime: briefly for the next
// attempt, and forMore for more of a stream, whose sender first needs its turn if no
// processor is idle. Longer waits do not pay: the runtime's monitor thread wakes meanwhile,
// first every 20 us, which in 10 ms takes more CPU time than passing a client on.
const (
	briefly = int(maxPause / time.Millisecond)
	forMore = 5
)

// await waits for events. The runtime gives the processor of a goroutine that waits in
// a system call to others, and gets one back afterwards: that costs more system calls
// than moving the bytes, or than trying the place once more. So a relay that has just
// moved bytes, or has something to do soon, waits briefly first, and the runtime is told
// only when nothing comes.
func (r *relay) await(events []unix.EpollEvent) (int, error) {
	limit, brief := r.timeout(), 0
	switch {
	case limit >= 0 && limit <= briefly:
		brief = limit
	case r.moved:
		brief = forMore
	}
	r.moved = false
	if brief > 0 || limit == 0 {
		n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.poll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(brief), 0, 0)
		switch {
		case e != 0:
			return 0, e
		case n > 0 || brief == limit:
			return int(n), nil
		}
	}
	return unix.EpollWait(r.poll, events, limit)
}

// sweepTime is how often deadlines are checked at least, while there are any.
const sweepTime = 250 * time.Millisecond

// timeout is how long to wait for events, in ms; -1: for ever.
func (r *relay) timeout() int {
	switch {
	case len(r.busy) > 0:
		return 0
	case r.eager():
		return untilMillis(r.again)
	case r.timed > 0:
		return untilMillis(r.due)
	}
	return -1
}

// untilMillis is how long it is until a time, in ms, rounded up.
func untilMillis(t time.Time) int {
	return max(0, int((time.Until(t)+time.Millisecond-1)/time.Millisecond))
}

// eager reports whether to connect to the place at the time r.again.
func (r *relay) eager() bool {
	switch {
	case !r.open:
		return false
	case r.cfg.Hold && !r.answered:
		return r.trying == nil
	case r.cfg.Hold && !r.trusted:
		return false
	}
	return len(r.waiting) > 0
}

func (r *relay) takeBusy() []*conn {
	busy := r.busy
	r.busy = nil
	return busy
}

func (r *relay) event(ev *unix.EpollEvent) {
	fd, events := int(ev.Fd), ev.Events
	switch {
	case fd == control:
		r.control(events)
		return
	case fd == r.names.wake:
		r.found()
		return
	case fd >= len(r.sides) || r.sides[fd] == nil || r.sides[fd].number != ev.Pad:
		return // closed in this turn, and perhaps opened again for another connection
	}
	s := r.sides[fd]
	s.readable = s.readable || events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	s.writable = s.writable || events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0
	s.broken = s.broken || events&(unix.EPOLLHUP|unix.EPOLLERR) != 0
	s.exact = s.exact || events&(unix.EPOLLRDHUP|unix.EPOLLPRI|unix.EPOLLHUP|unix.EPOLLERR) != 0
	r.changed(s.conn)
}

// changed goes on with a connection that had an event.
func (r *relay) changed(c *conn) {
	switch {
	case c.state == relayed:
		r.pump(c)
	case c.state == dialing && (c.sides[place].writable || c.sides[place].broken):
		r.dialed(c)
	case !c.probe && c.sides[client].broken:
		r.abort(c, errnoOf(c.sides[client].fd)) // the client has gone
	case c.state == doubted && c.sides[place].broken:
		if e := errnoOf(c.sides[place].fd); e != 0 { // else the server has sent all and ended
			r.failed(c, e)
		}
	case c.state == asleep && c.sides[client].readable:
		r.stir(c)
	}
}

// stir has a sleeping client go on if it has sent something, and ends its connection if
// it has closed that instead.
func (r *relay) stir(c *conn) {
	var b [1]byte
	n, _, err := unix.Recvfrom(c.sides[client].fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN:
		c.sides[client].readable = false
	case err != nil:
		r.abort(c, errnoFrom(err))
	case n == 0:
		r.end(c, 0)
	default:
		r.rouse(c)
	}
}

// rouse wakes a client that was asleep: it counts from now on, and waits for the place.
func (r *relay) rouse(c *conn) {
	r.report(Report{Kind: Awake, ID: c.ID})
	r.setDeadline(c, time.Time{})
	r.wait(c)
}

// wait adds a connection to those that wait for the place.
func (r *relay) wait(c *conn) {
	c.state = waiting
	r.waiting = append(r.waiting, c)
}

// setDeadline sets the time by which a connection must have come further; the zero
// time is none.
func (r *relay) setDeadline(c *conn, t time.Time) {
	if c.deadline.IsZero() != t.IsZero() {
		if t.IsZero() {
			r.timed--
		} else {
			r.timed++
		}
	}
	if c.deadline = t; !t.IsZero() {
		r.dueBy(t)
	}
}

// dueBy has deadlines checked by a time.
func (r *relay) dueBy(t time.Time) {
	if t.Before(r.due) {
		r.due = t
	}
}

// sweep ends whatever has taken longer than its deadline.
func (r *relay) sweep(now time.Time) {
	if r.timed == 0 || now.Before(r.due) {
		return
	}
	r.due = now.Add(sweepTime)
	for _, c := range slices.Clone(r.conns) {
		switch {
		case c.deadline.IsZero():
		case now.Before(c.deadline):
			r.dueBy(c.deadline)
		case c.state == asleep:
			r.end(c, 0)
		default:
			r.late(c)
		}
	}
}

// goOn connects the clients that may go on to the place. While it is not known whether
// the place answers, only one of them tries.
func (r *relay) goOn(now time.Time) {
	for r.eager() && !now.Before(r.again) {
		c := r.next()
		if r.cfg.Hold && !r.answered {
			r.trying = c
		}
		r.dial(c)
	}
}

// next takes the oldest connection that waits or, if there is none, returns a new probe.
func (r *relay) next() *conn {
	if len(r.waiting) > 0 {
		c := r.waiting[0]
		r.waiting = slices.Delete(r.waiting, 0, 1)
		return c
	}
	return r.add(Connection{}, -1)
}

// add makes the record of a connection; fd -1: of a probe.
func (r *relay) add(from Connection, fd int) *conn {
	c := &conn{Connection: from, index: len(r.conns), state: waiting, probe: fd < 0}
	c.sides[place].fd = -1
	r.conns = append(r.conns, c)
	if c.sides[client].fd = fd; fd >= 0 {
		r.watch(c, client)
	}
	return c
}

// watch has a side polled, edge-triggered: that takes no other call for each read or write.
func (r *relay) watch(c *conn, which int) {
	s := &c.sides[which]
	r.watched++
	s.conn, s.number = c, r.watched
	unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) // else urgent data would be lost
	// Messages with descriptors end a read of a UNIX-domain socket early.
	s.exact = which == client && !c.Peer.IsValid() || which == place && r.cfg.Network != "tcp"
	if s.fd >= len(r.sides) {
		r.sides = append(r.sides, make([]*side, s.fd+1-len(r.sides))...)
	}
	r.sides[s.fd] = s
	ev := unix.EpollEvent{Events: incoming | others, Fd: int32(s.fd), Pad: s.number}
	unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, s.fd, &ev)
}

// What is polled for. The kernel wakes whoever polls for EPOLLPRI for any data that comes.
const (
	incoming = unix.EPOLLIN | unix.EPOLLPRI
	others   = unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&(1<<32-1)
)

// hear has a side polled for input, or no longer: while the other side has no room, every
// packet would wake the relay for nothing. When polled again, it has an event for what came.
func (r *relay) hear(s *side, wanted bool) {
	if s.unheard != wanted {
		return
	}
	s.unheard = !wanted
	ev := unix.EpollEvent{Events: others, Fd: int32(s.fd), Pad: s.number}
	if wanted {
		ev.Events |= incoming
	}
	unix.EpollCtl(r.poll, unix.EPOLL_CTL_MOD, s.fd, &ev)
}

// end closes a connection and reports why it has ended; 0: in order.
func (r *relay) end(c *conn, why syscall.Errno) {
	r.setDeadline(c, time.Time{})
	for i := range c.sides {
		r.close(&c.sides[i])
	}
	for i := range c.flows {
		r.pipes.drop(&c.flows[i])
	}
	last := r.conns[len(r.conns)-1]
	r.conns[c.index], last.index = last, c.index
	r.conns[len(r.conns)-1] = nil
	r.conns = r.conns[:len(r.conns)-1]
	if i := slices.Index(r.waiting, c); i >= 0 {
		r.waiting = slices.Delete(r.waiting, i, i+1)
	}
	if r.trying == c {
		r.trying = nil
	}
	c.state = relayed // so nothing is done for c where a list, as that of takeBusy, still has it
	if !c.probe {
		r.report(Report{cmp.Or(c.how, Ended), c.ID, why, c.flows[client].moved, c.flows[place].moved})
	}
}

func (r *relay) close(s *side) {
	if s.fd >= 0 {
		if s.fd < len(r.sides) {
			r.sides[s.fd] = nil
		}
		unix.Close(s.fd)
		s.fd = -1
	}
}

// abort ends a connection with a reset on both sides, as each sees it if the program at the
// other end is killed.
func (r *relay) abort(c *conn, why syscall.Errno) {
	for i := range c.sides {
		if fd := c.sides[i].fd; fd >= 0 {
			unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		}
	}
	r.end(c, why)
}

// control carries out the daemon's commands.
func (r *relay) control(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		r.flush()
	}
	var b [connectionSize + 1]byte
	for events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		n, m, _, _, err := unix.Recvmsg(control, b[:], r.rights[:], unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR, err == unix.ECONNRESET: // the daemon has left reports unread; its last commands are still to come
			continue
		case err != nil || n == 0:
			r.orphaned()
			return
		}
		r.command(b[:n], descriptorIn(r.rights[:m]))
	}
}

// descriptorIn returns the descriptor that has come with a message, -1 if there is none.
func descriptorIn(rights []byte) int {
	if len(rights) < unix.CmsgSpace(4) {
		return -1
	}
	head, data, _, err := unix.ParseOneSocketControlMessage(rights)
	if err != nil || head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_RIGHTS || len(data) < 4 {
		return -1
	}
	return int(int32(binary.NativeEndian.Uint32(data)))
}

func (r *relay) command(b []byte, fd int) {
	switch Command(b[0]) {
	case connect:
		if from, err := decodeConnection(b); err == nil {
			r.accept(from, fd)
		}
	case Probe:
		r.silent()
		r.errno = 0
		if r.trying == nil {
			r.trying = r.add(Connection{}, -1)
			r.dial(r.trying)
		}
	case Open:
		r.open, r.opened, r.again = true, time.Now(), time.Time{}
	case trust:
		if len(b) == 5 && binary.BigEndian.Uint32(b[1:]) == r.answer && r.answered {
			r.trust()
		}
	case Hold:
		r.open = false
		r.silent()
	case Gone:
		r.gone = true
		for _, c := range slices.Clone(r.conns) {
			if c.flows[place].ended {
				r.end(c, 0)
			}
		}
	case Refuse:
		for _, c := range slices.Clone(r.conns) {
			if c.state != asleep && c.state != relayed {
				r.abort(c, ErrRefused)
			}
		}
	}
}

// trust lets clients go on to the server, which the daemon knows. Clients that sleep do,
// too: the server may be the one that speaks first.
func (r *relay) trust() {
	r.trusted, r.gone = true, false
	for _, c := range r.doubted() {
		r.begin(c)
	}
	for _, c := range slices.Clone(r.conns) {
		if c.state == asleep {
			r.rouse(c)
		}
	}
}

// doubted returns the connections in the state doubted.
func (r *relay) doubted() (list []*conn) {
	for _, c := range r.conns {
		if c.state == doubted {
			list = append(list, c)
		}
	}
	return list
}

// accept takes over a client's connection. If fd is -1 this process had no room for the
// descriptor.
func (r *relay) accept(from Connection, fd int) {
	if fd < 0 {
		r.report(Report{Kind: Unreached, ID: from.ID, Errno: unix.EMFILE})
		return
	}
	unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_RDWR|unix.O_NONBLOCK) // a new connection has no other flags
	c := r.add(from, fd)
	if r.cfg.WakeData && !r.answered {
		c.state = asleep
		r.setDeadline(c, time.Now().Add(r.cfg.Patience))
		return
	}
	if r.cfg.WakeData {
		r.report(Report{Kind: Awake, ID: c.ID})
	}
	r.wait(c)
}

// orphaned goes on without the daemon, which has ended. Connections to the server stay.
// Other clients go on only if the server is trusted: nobody will start it, or say who answers.
func (r *relay) orphaned() {
	unix.EpollCtl(r.poll, unix.EPOLL_CTL_DEL, control, nil)
	r.orphan, r.reports = true, nil
	r.cfg.Hold = r.cfg.Hold && !r.trusted
	r.open = !r.cfg.Hold
	for _, c := range slices.Clone(r.conns) {
		switch {
		case c.state == asleep:
			r.end(c, 0)
		case r.cfg.Hold && c.state != relayed:
			r.abort(c, ErrRefused)
		}
	}
}

// report has a report sent to the daemon at the end of this turn of the loop, or later if
// the daemon has not yet taken those before it.
func (r *relay) report(p Report) {
	if !r.orphan {
		r.reports = append(r.reports, p)
	}
}

// flush sends the reports, up to maxReports in a message, as far as the daemon takes them.
func (r *relay) flush() {
	for len(r.reports) > 0 {
		n := min(len(r.reports), maxReports)
		if unix.Sendmsg(control, encodeReports(r.reports[:n]), nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT) == unix.EAGAIN {
			break
		}
		r.reports = r.reports[n:]
	}
	if len(r.reports) == 0 {
		r.reports = nil
	}
	if deaf := len(r.reports) > 0; deaf != r.deaf {
		r.deaf = deaf
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: control}
		if deaf {
			ev.Events |= unix.EPOLLOUT
		}
		unix.EpollCtl(r.poll, unix.EPOLL_CTL_MOD, control, &ev)
	}
}
