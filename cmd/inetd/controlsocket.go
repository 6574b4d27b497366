package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"inetd/internal/conf"
	"inetd/internal/handover"
	"inetd/internal/inetd"
	"inetd/internal/sock"
	"inetd/internal/status"
)

// The protocol of the control socket: a line with the request is answered by lines to
// print and then a line with the exit status.
const (
	reloadRequest  = "reload"
	upgradeRequest = "upgrade"
	statusRequest  = "status"       // answered by one object of JSON
	fromRequest    = "status from " // the address of a client follows
	tableRequest   = "status table"
	metricsRequest = "status metrics"
	statusLine     = "status "
)

// askTime is how long whoever connects may take to send a request.
const askTime = 5 * time.Second

// control is the socket through which inetd -c speaks to the daemon. Only root and the
// user that the daemon runs as may use it.
type control struct {
	l    *net.UnixListener
	path string
	file sock.File // at the path

	busy   sync.RWMutex // read-locked while a request is answered, except one for an upgrade
	askers askers       // connections that wait for an upgrade
}

// socketPath returns where the daemon with that pid file has its control socket.
func socketPath(pidFile string) string {
	return strings.TrimSuffix(pidFile, ".pid") + ".sock"
}

// listenControl opens the socket. The caller holds the lock of the pid file, so a socket
// that is there already was left by a daemon that died.
func listenControl(path string) (*control, error) {
	spec := sock.UnixSpec(unix.SOCK_STREAM, path)
	fd, ours, err := sock.Open(spec, sock.Options{Mode: 0o600, UID: -1, GID: -1, Backlog: 16}, 3)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return newControl(fd, path, ours)
}

// inheritControl is like listenControl, for a socket that the previous program left open.
func inheritControl(path string, p handover.Process) (*control, error) {
	return newControl(p.Control, path, p.File)
}

func newControl(fd int, path string, ours sock.File) (*control, error) {
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &control{l: l.(*net.UnixListener), path: path, file: ours}, nil
}

// pause waits until all requests under way are answered, and holds back further ones.
func (c *control) pause() {
	if c != nil {
		c.busy.Lock()
	}
}

// resume ends pause.
func (c *control) resume() {
	if c != nil {
		c.busy.Unlock()
	}
}

// bequeath leaves the socket, and connections that wait for an upgrade, to the next program.
func (c *control) bequeath(p *handover.Process) {
	if c == nil {
		return
	}
	p.Control, p.File = descriptor(c.l), c.file
	p.Askers = c.askers.descriptors()
}

// descriptor returns the descriptor of a connection, which still owns it; 0 if it is closed.
func descriptor(conn syscall.Conn) (fd int) {
	raw, err := conn.SyscallConn()
	if err == nil {
		_ = raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
}

// close ends answer and removes the socket, if there is one.
func (c *control) close() {
	if c != nil {
		_ = c.l.Close()
		sock.Remove(sock.UnixSpec(unix.SOCK_STREAM, c.path), c.file)
	}
}

// answer serves the socket until close.
func (c *control) answer(s *inetd.Server, upgrade upgradeFunc) {
	if c == nil {
		return
	}
	for {
		conn, err := c.l.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(time.Second) // out of descriptors: that passes
		default:
			go c.converse(conn, s, upgrade)
		}
	}
}

// converse answers one request.
func (c *control) converse(conn *net.UnixConn, s *inetd.Server, upgrade upgradeFunc) {
	defer conn.Close()
	if !trusted(conn) {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(askTime))
	request := readRequest(conn)
	if request == upgradeRequest+"\n" {
		c.askers.answer(conn, upgrade)
		return
	}
	c.busy.RLock()
	defer c.busy.RUnlock()
	if addr, about := strings.CutPrefix(strings.TrimSuffix(request, "\n"), fromRequest); about {
		writeStatusFor(conn, s, addr)
		return
	}
	switch request {
	case statusRequest + "\n":
		writeStatus(conn, s, false, encode)
	case tableRequest + "\n":
		writeStatus(conn, s, true, (*status.Snapshot).WriteTable)
	case metricsRequest + "\n":
		writeStatus(conn, s, false, (*status.Snapshot).WriteMetrics)
	case reloadRequest + "\n":
		answerReload(conn, s)
	}
}

// readRequest reads the line of a request. A line that is too long comes back without its
// end, so that it is no request.
func readRequest(r io.Reader) string {
	const longest = 64
	line, _ := bufio.NewReader(io.LimitReader(r, longest)).ReadString('\n')
	return line
}

func answerReload(conn *net.UnixConn, s *inetd.Server) {
	_ = conn.SetDeadline(time.Now().Add(reloadTime))
	outcome := make(chan inetd.Outcome, 1)
	s.Reload(func(o inetd.Outcome) { outcome <- o })
	select {
	case o := <-outcome:
		_, _ = io.WriteString(conn, report(o))
	case <-time.After(reloadTime): // the server may be ending
	}
}

// trusted reports whether the peer may control the daemon.
func trusted(conn *net.UnixConn) bool {
	peer, err := credentials(conn)
	return err == nil && mayControl(peer.Uid, uint32(os.Geteuid()))
}

// mayControl reports whether the user peer may control a daemon of the user own: root may,
// and the same user.
func mayControl(peer, own uint32) bool { return peer == 0 || peer == own }

// credentials returns the credentials of the process at the other end.
func credentials(conn *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return peer, errors.Join(err, failed)
}

// report words an outcome as the answer to a reload request.
func report(o inetd.Outcome) string {
	text, status := changes(o)
	return fmt.Sprintf("%s%s%d\n", text, statusLine, status)
}

// changes words an outcome, and returns the exit status of a reload with it.
func changes(o inetd.Outcome) (text string, status int) {
	var b strings.Builder
	for _, change := range []struct {
		what  string
		which []string
	}{{"added", o.Added}, {"changed", o.Changed}, {"removed", o.Removed}, {"closed", o.Closed}} {
		for _, one := range change.which {
			fmt.Fprintf(&b, "%-7s  %s\n", change.what, one)
		}
	}
	errs := 0
	for _, p := range o.Problems {
		fmt.Fprintf(&b, "%-7s  %s\n", p.Severity, p)
		if p.Severity == conf.Error {
			errs++
		}
	}
	status = min(errs+len(o.Closed), 1)
	if o.Err != nil {
		status = 1
		fmt.Fprintf(&b, "inetd[%d]: not reloaded: %v; the services stay as they were\n", os.Getpid(), o.Err)
	} else {
		fmt.Fprintf(&b, "inetd[%d]: %d added, %d changed, %d removed, %d kept, %s\n", os.Getpid(),
			len(o.Added), len(o.Changed), len(o.Removed), o.Kept, plural(errs, "error"))
	}
	return b.String(), status
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
