package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// These are the two options that HP-UX has for a daemon that runs already.

const (
	reloadTime = time.Minute      // a reload may ask name servers
	stopTime   = 10 * time.Second // services are closed at once, RPC programs unregistered
)

//lint:ignore ST1005 the words of HP-UX
var errNotRunning = errors.New("There is no inetd running")

// running returns the process id of the daemon with that pid file.
func running(pidFile string) (int, error) {
	pid, err := holder(pidFile)
	if err == nil && pid == 0 {
		err = errNotRunning
	}
	return pid, err
}

// reload makes the daemon with that pid file reload, prints the outcome, and
// returns the exit status.
func reload(pidFile string, stdout io.Writer) (status int, err error) {
	pid, err := running(pidFile)
	if err != nil {
		return 0, err
	}
	conn, err := net.Dial("unix", socketPath(pidFile))
	if err != nil {
		return 0, signalReload(pid, stdout)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(reloadTime))
	if _, err := io.WriteString(conn, reloadRequest+"\n"); err != nil {
		return 0, fmt.Errorf("ask process %d: %w", pid, err)
	}
	return printAnswer(conn, pid, stdout)
}

// signalReload asks a daemon that has no control socket.
func signalReload(pid int, stdout io.Writer) error {
	if err := unix.Kill(pid, unix.SIGHUP); err != nil {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	fmt.Fprintf(stdout, "inetd[%d] was told to reload; the outcome is in its log\n", pid)
	return nil
}

// printAnswer copies an answer, whose last line is the exit status.
func printAnswer(conn io.Reader, pid int, stdout io.Writer) (status int, err error) {
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		switch {
		case os.IsTimeout(err):
			return 0, fmt.Errorf("process %d has not reloaded after %v; the outcome will be in its log", pid, reloadTime)
		case err != nil:
			return 0, fmt.Errorf("process %d ended before it answered", pid)
		case strings.HasPrefix(line, statusLine):
			if line == statusLine+"0\n" {
				return 0, nil
			}
			return 1, nil
		}
		fmt.Fprint(stdout, line)
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
	// As the daemon still runs, the descriptor cannot be that of a process
	// which got its id after it ended.
	if now, err := running(pidFile); err != nil || now != pid {
		return errNotRunning
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	if !ended(fd, stopTime) {
		return fmt.Errorf("process %d has not ended after %v", pid, stopTime)
	}
	return nil
}

// ended waits for the end of a process, which makes its descriptor readable.
func ended(pidfd int, wait time.Duration) bool {
	for deadline := time.Now().Add(wait); ; {
		left := time.Until(deadline)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if err != unix.EINTR || left <= 0 {
			return n == 1
		}
	}
}
