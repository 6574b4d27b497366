package main

import (
	"bufio"
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

const notRunning = "inetd: There is no inetd running" // as HP-UX says it

// reload makes the daemon with that pid file reload, prints the outcome, and
// returns the exit status.
func reload(pidFile string, stdout, stderr io.Writer) int {
	pid, err := holder(pidFile)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "inetd: %v\n", err)
		return 1
	case pid == 0:
		fmt.Fprintln(stderr, notRunning)
		return 1
	}
	status, err := askReload(pidFile, pid, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "inetd: %v\n", err)
		return 1
	}
	return status
}

// askReload asks through the control socket, else by signal; then the outcome
// is in the log alone.
func askReload(pidFile string, pid int, stdout io.Writer) (status int, err error) {
	conn, err := net.Dial("unix", socketPath(pidFile))
	if err != nil {
		if err := unix.Kill(pid, unix.SIGHUP); err != nil {
			return 0, fmt.Errorf("signal process %d: %w", pid, err)
		}
		fmt.Fprintf(stdout, "inetd[%d] was told to reload; the outcome is in its log\n", pid)
		return 0, nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(reloadTime))
	if _, err := io.WriteString(conn, reloadRequest+"\n"); err != nil {
		return 0, fmt.Errorf("ask process %d: %w", pid, err)
	}
	return printAnswer(conn, pid, stdout)
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

// stop ends the daemon with that pid file, waits until it is gone, and returns
// the exit status.
func stop(pidFile string, stderr io.Writer) int {
	pid, err := terminate(pidFile)
	switch {
	case err != nil:
		fmt.Fprintf(stderr, "inetd: %v\n", err)
		return 1
	case pid == 0:
		fmt.Fprintln(stderr, notRunning)
		return 1
	}
	return 0
}

func terminate(pidFile string) (pid int, err error) {
	pid, err = holder(pidFile)
	if pid == 0 || err != nil {
		return 0, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	// Only now is it certain that the descriptor is not of a process that got
	// the id after the daemon's end.
	if now, err := holder(pidFile); now != pid {
		return 0, err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
		return 0, fmt.Errorf("signal process %d: %w", pid, err)
	}
	if !ended(fd, stopTime) {
		return 0, fmt.Errorf("process %d has not ended after %v", pid, stopTime)
	}
	return pid, nil
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
