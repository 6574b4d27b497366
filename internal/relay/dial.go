package relay

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"inetd/internal/occupant"
	"inetd/internal/proxyproto"

	"golang.org/x/sys/unix"
)

// How long an attempt to connect may take.
const (
	dialTime  = 30 * time.Second      // to the last address, or the only one
	eachTime  = 5 * time.Second       // to an address before the last
	trialTime = time.Second           // to find out whether the place answers
	crowdTime = 10 * time.Millisecond // to a loopback address: if it has not answered at once, its listen queue is full
)

// dial begins to connect a client to the place.
func (r *relay) dial(c *conn) {
	c.errno, c.full = unix.EHOSTUNREACH, false
	if !r.names.known() {
		c.state = looking
		r.names.look()
		return
	}
	c.addrs = r.names.addrs
	if len(c.addrs) == 0 {
		c.errno = errNoName
	}
	r.tryNext(c)
}

// errNoName is reported for a place whose name has no address.
const errNoName = syscall.EADDRNOTAVAIL

// tryNext connects to the next address of the place. After the last one the client waits
// if the listen queue at one of them is full, and fails otherwise.
func (r *relay) tryNext(c *conn) {
	for len(c.addrs) > 0 {
		to := c.addrs[0]
		c.addrs = c.addrs[1:]
		done, err := r.connect(c, to)
		switch {
		case err != nil:
			c.errno, c.full = errnoFrom(err), c.full || err == unix.EAGAIN
			r.close(&c.sides[place])
		case done:
			r.connected(c)
			return
		default:
			return
		}
	}
	if c.full && r.queue(c) {
		return
	}
	r.failed(c, c.errno)
}

// crowd notes that the listen queue of the place is full. No client tries again before r.again.
func (r *relay) crowd(c *conn, now time.Time) {
	if c.crowded.IsZero() {
		c.crowded = now
	}
	r.again = now.Add(pause(now.Sub(c.crowded)))
}

// queue has a client wait for room in the listen queue of the place: connect(2) does not
// wait at a UNIX-domain place, and TCP tries again only after one second, then two, four
// and so on. It returns false if the client has waited for longer than dialTime.
func (r *relay) queue(c *conn) bool {
	now := time.Now()
	r.crowd(c, now)
	if now.Sub(c.crowded) > dialTime {
		return false
	}
	r.setDeadline(c, time.Time{})
	if r.trying == c {
		r.trying = nil
	}
	r.putBack(c)
	return true
}

// late gives up an attempt that has taken too long, and tries the next address.
func (r *relay) late(c *conn) {
	c.errno, c.full = unix.ETIMEDOUT, c.full || !c.crowded.IsZero()
	r.close(&c.sides[place])
	r.tryNext(c)
}

// connect begins to connect to one address, and reports whether it is connected already.
func (r *relay) connect(c *conn, to unix.Sockaddr) (done bool, err error) {
	fd, err := unix.Socket(familyOf(to), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	c.sides[place] = side{fd: fd}
	c.state = dialing
	if err = unix.Connect(fd, to); err == unix.EINPROGRESS {
		err = unix.Connect(fd, to) // a server on this machine has mostly answered by now
	}
	if err != nil && err != unix.EALREADY {
		return false, err
	}
	r.watch(c, place)
	if err == nil {
		c.sides[place].writable = true
		return true, nil
	}
	now, limit := time.Now(), eachTime
	switch {
	case r.trying == c:
		limit = trialTime
	case loopback(to):
		r.crowd(c, now)
		limit = crowdTime
	case len(c.addrs) == 0:
		limit = dialTime
	}
	r.setDeadline(c, now.Add(limit))
	return false, nil
}

// loopback reports whether an address is a loopback address, where TCP mostly answers
// before connect(2) returns, unless the listen queue is full.
func loopback(a unix.Sockaddr) bool {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr).IsLoopback()
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr).IsLoopback()
	}
	return false
}

func familyOf(a unix.Sockaddr) int {
	switch a.(type) {
	case *unix.SockaddrInet4:
		return unix.AF_INET
	case *unix.SockaddrInet6:
		return unix.AF_INET6
	case *unix.SockaddrVM:
		return unix.AF_VSOCK
	}
	return unix.AF_UNIX
}

// dialed goes on with a connection whose attempt to reach the place has ended.
func (r *relay) dialed(c *conn) {
	if s := &c.sides[place]; s.broken {
		if e := errnoOf(s.fd); e != 0 {
			c.errno = e
			r.close(s)
			r.tryNext(c)
			return
		}
	}
	r.connected(c)
}

// connected goes on with a client, or a probe, that has reached the place.
func (r *relay) connected(c *conn) {
	r.setDeadline(c, time.Time{})
	if r.trying == c {
		r.trying = nil
	}
	r.nowAnswers(c)
	switch {
	case c.probe:
		r.end(c, 0)
	case r.cfg.Hold && !r.open:
		r.putBack(c)
	case r.cfg.Hold && !r.trusted:
		c.state = doubted
	default:
		r.begin(c)
	}
}

// begin sends the PROXY header, if the entry asks for one, and begins to carry bytes.
func (r *relay) begin(c *conn) {
	c.state = relayed
	fd := c.sides[place].fd
	h := proxyproto.Header{Source: c.Peer, Dest: c.Local}
	var header []byte
	switch r.cfg.Proxy {
	case 1:
		header = proxyproto.Append1(nil, h)
	case 2:
		header = proxyproto.Append2(nil, h)
	}
	if len(header) > 0 {
		c.sides[place].given = true
		if n, err := unix.Write(fd, header); err != nil || n < len(header) { // the send buffer of a new connection has room for it
			r.abort(c, errnoFrom(c.fault(place, err)))
			return
		}
	}
	r.pump(c)
}

// nowAnswers notes that the place answers, and reports who that is if it did not before.
func (r *relay) nowAnswers(c *conn) {
	if r.answered || !r.cfg.Hold {
		return
	}
	r.answered, r.errno = true, 0
	r.answer++
	r.report(answers(r.answer, occupant.OwnerOf(c.sides[place].fd)))
}

// failed goes on with a client for whom the place could not be reached. The client waits
// again, or is reset if this relay does not hold clients.
func (r *relay) failed(c *conn, why syscall.Errno) {
	r.close(&c.sides[place])
	r.setDeadline(c, time.Time{})
	if !r.cfg.Hold {
		c.how = Unreached
		r.abort(c, why)
		return
	}
	if r.trying == c {
		r.trying = nil
	}
	if r.answered || r.errno != why {
		r.silent()
		r.errno = why
		r.report(Report{Kind: Silent, Errno: why})
	}
	r.again = time.Now().Add(pause(time.Since(r.opened)))
	if c.probe {
		r.end(c, why)
		return
	}
	r.putBack(c)
}

// The pauses between attempts to reach a place that does not answer yet.
const (
	minPause = 2 * time.Millisecond
	maxPause = 10 * time.Millisecond
)

// pause is how long to wait before the next attempt: a thousandth of the time that the
// place has been tried for, so that a slow start takes hardly longer.
func pause(waited time.Duration) time.Duration {
	return min(max(waited/1000, minPause), maxPause)
}

// silent notes that the place does not answer. Whoever answers later may be somebody else.
func (r *relay) silent() {
	r.answered, r.trusted = false, false
	for _, c := range slices.Backward(r.doubted()) {
		r.putBack(c)
	}
}

// putBack returns a client that had begun to connect to the head of the queue.
func (r *relay) putBack(c *conn) {
	r.close(&c.sides[place])
	c.state = waiting
	r.waiting = append([]*conn{c}, r.waiting...)
}

// resolver knows the addresses of the place. A name is looked up beside the loop, and
// again when the addresses are older than goodTime.
type resolver struct {
	host  string // "": the place is given by an address
	port  uint16
	addrs []unix.Sockaddr
	until time.Time // the addresses of a name are good until then
	wake  int       // an eventfd, readable when there is an answer
	asked bool      // a lookup runs

	mu     *sync.Mutex
	answer []netip.Addr
}

// How long a lookup may take, and how long the addresses of a name are good.
const (
	lookTime = 10 * time.Second
	goodTime = 5 * time.Second
)

func newResolver(c Config) (n resolver, err error) {
	n.mu = new(sync.Mutex)
	if n.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return n, os.NewSyscallError("eventfd", err)
	}
	switch c.Network {
	case "unix":
		n.addrs = []unix.Sockaddr{&unix.SockaddrUnix{Name: c.Address}}
		return n, nil
	case "vsock":
		cid, port, _ := strings.Cut(c.Address, ":")
		a, _ := strconv.ParseUint(cid, 10, 32)
		b, err := strconv.ParseUint(port, 10, 32)
		n.addrs = []unix.Sockaddr{&unix.SockaddrVM{CID: uint32(a), Port: uint32(b)}}
		return n, err
	}
	if to, err := netip.ParseAddrPort(c.Address); err == nil {
		n.addrs = []unix.Sockaddr{sockaddr(to.Addr(), to.Port())}
		return n, nil
	}
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return n, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	n.host, n.port = host, uint16(number)
	return n, err
}

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a = a.Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	to := &unix.SockaddrInet6{Port: int(port), Addr: a.As16()}
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		to.ZoneId = uint32(i.Index)
	}
	return to
}

// known reports whether the addresses of the place are known and still good.
func (n *resolver) known() bool { return n.host == "" || time.Now().Before(n.until) }

// look starts a lookup of the name, unless one runs.
func (n *resolver) look() {
	if n.asked {
		return
	}
	n.asked = true
	mu, host, wake := n.mu, n.host, n.wake
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		own := net.Resolver{PreferGo: true} // the C library would read files that confine forbids
		addrs, _ := own.LookupNetIP(ctx, "ip", host)
		mu.Lock()
		n.answer = addrs
		mu.Unlock()
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		unix.Write(wake, one[:])
	}()
}

// found takes the answer of a lookup, and goes on with the clients that waited for it.
func (r *relay) found() {
	n := &r.names
	var b [8]byte
	unix.Read(n.wake, b[:])
	n.mu.Lock()
	answer := n.answer
	n.mu.Unlock()
	n.asked, n.addrs, n.until = false, nil, time.Now().Add(goodTime)
	for _, a := range answer {
		n.addrs = append(n.addrs, sockaddr(a, n.port))
	}
	for _, c := range append([]*conn{}, r.conns...) {
		if c.state == looking {
			r.dial(c)
		}
	}
}
