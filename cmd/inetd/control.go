package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// This file has the options for a daemon that is already running: -c and -k, as on HP-UX,
// and --upgrade.

const (
	reloadTime  = time.Minute      // a reload may ask name servers
	upgradeTime = 2 * time.Minute  // the new program loads the configuration twice
	stopTime    = 10 * time.Second // services are closed at once, RPC programs unregistered
)

//lint:ignore ST1005 the words of HP-UX
var errNotRunning = errors.New("There is no inetd running")

// running returns the process id of the daemon with that pid file.
func running(pidFile string) (int, error) {
	pid, err := holder(pidFile)
	switch {
	case err != nil || pid != 0:
		return pid, err
	case pidFile == defaultPidFile: // perhaps the user has not named a pid file
		return 0, fmt.Errorf("%w: nobody has locked %s; name another pid file with -p", errNotRunning, pidFile)
	}
	return 0, errNotRunning
}

// denied words the error for a user who may not control the daemon.
func denied(pid int, do string, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("only root and the user of process %d may %s it", pid, do)
	}
	return err
}

// reload makes the daemon with that pid file reload, prints the outcome, and
// returns the exit status.
func reload(pidFile string, stdout io.Writer) (status int, err error) {
	pid, err := running(pidFile)
	if err != nil {
		return 0, err
	}
	return request(pid, pidFile, toReload, stdout)
}

// askUpgrade makes the daemon with that pid file execute the program that is installed
// now, prints the outcome, and returns the exit status.
func askUpgrade(pidFile string, stdout io.Writer) (status int, err error) {
	pid, err := running(pidFile)
	if err != nil {
		return 0, err
	}
	return request(pid, pidFile, toUpgrade, stdout)
}

// question is what a daemon is asked to do.
type question struct {
	ask    string
	verb   string
	done   string         // the verb in the past
	signal syscall.Signal // for a daemon that has no control socket
	time   time.Duration  // how long the daemon may take
}

// The questions.
var (
	toReload  = question{reloadRequest, "reload", "reloaded", unix.SIGHUP, reloadTime}
	toUpgrade = question{upgradeRequest, "upgrade", "upgraded", unix.SIGUSR2, upgradeTime}
)

// request puts a question to a daemon and prints its answer.
func request(pid int, pidFile string, q question, stdout io.Writer) (status int, err error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(pidFile), Net: "unix"})
	if errors.Is(err, os.ErrPermission) {
		return 0, denied(pid, "ask", err)
	}
	if err != nil {
		return 0, q.signalTo(pid, stdout)
	}
	defer conn.Close()
	if err := answersFor(conn, pid); err != nil {
		return 0, err
	}
	_ = conn.SetDeadline(time.Now().Add(q.time))
	if _, err := io.WriteString(conn, q.ask+"\n"); err != nil {
		return 0, fmt.Errorf("ask process %d: %w", pid, err)
	}
	return q.printAnswer(conn, pid, stdout)
}

// signalTo asks a daemon that has no control socket.
func (q question) signalTo(pid int, stdout io.Writer) error {
	if err := unix.Kill(pid, q.signal); err != nil {
		return denied(pid, "ask", fmt.Errorf("signal process %d: %w", pid, err))
	}
	fmt.Fprintf(stdout, "inetd[%d] was told to %s; the outcome is in its log\n", pid, q.verb)
	return nil
}

// answersFor returns an error unless the process behind the control socket belongs to the
// user of the daemon: anybody who may write to the directory may have put a socket there.
func answersFor(conn *net.UnixConn, pid int) error {
	daemon, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	peer, err := credentials(conn)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if int(peer.Uid) != ownerOf(daemon) {
		return fmt.Errorf("%s belongs to a process of user %d, and inetd to user %d: it is not trusted", conn.RemoteAddr(), peer.Uid, ownerOf(daemon))
	}
	return nil
}

// maxLine bounds the length of a line of an answer: a path, a problem and its hint.
const maxLine = 64 << 10

// printable replaces by "?" whatever in a line could act on a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !strconv.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, line)
}

// printAnswer copies an answer, whose last line is the exit status.
func (q question) printAnswer(conn io.Reader, pid int, stdout io.Writer) (status int, err error) {
	lines := bufio.NewReaderSize(conn, maxLine)
	for {
		bytes, err := lines.ReadSlice('\n')
		line := string(bytes)
		switch {
		case os.IsTimeout(err):
			return 0, fmt.Errorf("process %d has not %s after %v; the outcome will be in its log", pid, q.done, q.time)
		case err == bufio.ErrBufferFull:
			return 0, fmt.Errorf("process %d has answered with a line of more than %d bytes; the outcome will be in its log", pid, maxLine)
		case err != nil:
			return 0, fmt.Errorf("process %d ended before it answered", pid)
		case strings.HasPrefix(line, statusLine):
			if line == statusLine+"0\n" {
				return 0, nil
			}
			return 1, nil
		}
		fmt.Fprint(stdout, printable(line))
	}
}

// stop ends the daemon with that pid file and waits until it is gone.
func stop(pidFile string) error {
	pid, err := running(pidFile)
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	// As the daemon still runs, the descriptor cannot belong to another process that
	// got the id after the daemon's end.
	if now, err := running(pidFile); err != nil || now != pid {
		return errNotRunning
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
		return denied(pid, "end", fmt.Errorf("signal process %d: %w", pid, err))
	}
	if !ended(fd, stopTime) {
		return fmt.Errorf("process %d has not ended after %v", pid, stopTime)
	}
	return nil
}

// ended waits for a process, and reports whether it has ended: its pidfd is readable then.
func ended(pidfd int, wait time.Duration) bool {
	for deadline := time.Now().Add(wait); ; {
		left := max(time.Until(deadline), 0) // poll(2) takes a negative time for ever
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if err != unix.EINTR || left == 0 {
			return n == 1
		}
	}
}
