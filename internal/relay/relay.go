// Package relay carries bytes between clients and a place where a server listens, in a
// process of its own. In go accepted connections and the daemon's commands; out come
// connections to the place, and reports of how each has ended.
//
// The daemon starts this program again as the user of an entry, with the arguments of
// Config.Args and one end of a socket pair as descriptor 0. What the two tell each other
// is in wire.go: the daemon hands over connections and says when they may go on to the
// place; the relay reports whether the place answers and how each connection has ended.
// So the daemon, which may be root, never touches a byte of a client, and a relay that
// crashes costs its own connections alone.
//
// The relay is one goroutine over an edge-triggered epoll set (loop.go). It copies a few
// bytes through one buffer, and many by splice(2) through a pipe (pump.go). A connection
// has a pipe only while it moves bytes, so idle connections need little more memory than
// their descriptors. The relay ends when the daemon has closed its end of the pair, or
// has ended, and the last connection has ended.
package relay

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Flag is the first argument of a process that is a relay.
const Flag = "--relay"

// Config is what a relay is started for.
type Config struct {
	Network string // of the place: "tcp", "unix" or "vsock"
	Address string // host:port, a path or @name, cid:port

	Hold     bool          // clients wait for the place; else one that cannot go on is reset
	WakeData bool          // with Hold: a client counts, and wakes the server, once it has sent something
	Patience time.Duration // with WakeData: how long a client has for that
	Proxy    int           // the version, 1 or 2, of the PROXY header for the place; 0: none
}

// Args is the argument vector that starts a relay, argv[0] included.
func (c Config) Args() []string {
	return []string{"inetd-relay", Flag, c.Network, c.Address, c.mode(), c.Patience.String(), strconv.Itoa(c.Proxy)}
}

func (c Config) mode() string {
	switch {
	case c.WakeData:
		return "data"
	case c.Hold:
		return "hold"
	}
	return "direct"
}

// configOf reads the arguments after Flag.
func configOf(args []string) (c Config, err error) {
	if len(args) != 5 {
		return c, errors.New("it is started by the daemon alone")
	}
	c = Config{Network: args[0], Address: args[1], Hold: args[2] != "direct", WakeData: args[2] == "data"}
	var err2 error
	c.Patience, err = time.ParseDuration(args[3])
	c.Proxy, err2 = strconv.Atoi(args[4])
	return c, errors.Join(err, err2)
}

// gcPercent keeps the heap small: it would grow to four megabytes otherwise.
const gcPercent = 25

// Main is the main function of a relay; args follow Flag. It returns the exit status.
func Main(args []string) int {
	if err := serve(args); err != nil {
		fmt.Fprintf(os.Stderr, "relay: %v\n", err)
		return 1
	}
	return 0
}

func serve(args []string) error {
	c, err := configOf(args)
	if err != nil {
		return err
	}
	if kind, err := unix.GetsockoptInt(control, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return errors.New("descriptor 0 is no end of the daemon's")
	}
	runtime.GOMAXPROCS(2) // one goroutine carries all; see relay.await
	debug.SetGCPercent(gcPercent)
	giveWay()
	confine(c)
	r, err := newRelay(c)
	if err != nil {
		return err
	}
	r.run()
	return nil
}

// giveWay sets SCHED_BATCH for all threads, so that a relay that wakes up does not preempt
// another process (sched(7)). One that preempts a sender after its first bytes finds little
// to move, again and again. An idle processor runs the relay as soon as before. A policy that
// an administrator has chosen for the daemon stays.
func giveWay() {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		id, _ := strconv.Atoi(t.Name())
		attr, err := unix.SchedGetAttr(id, 0)
		if err != nil || attr.Policy != unix.SCHED_NORMAL {
			continue
		}
		attr.Policy = unix.SCHED_BATCH
		unix.SchedSetAttr(id, attr, 0)
	}
}

// control is the descriptor of the relay's end of the pair.
const control = 0
