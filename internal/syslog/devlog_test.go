package syslog

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The real paths: a /dev/log of our own in a private mount namespace.
func TestDevLog(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a mount namespace needs root")
	}
	cmd := role(t, "mounts")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "operation not permitted") {
		t.Skip("no mount namespaces here: ", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func useDevLog() {
	if err := devLog(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// devLog has a syslog daemon appear, vanish and appear again.
func devLog() error {
	// What go-syslog would find elsewhere must not be the machine's own.
	for _, dir := range []string{"/dev", "/run"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return err
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	stderr := bufio.NewScanner(r)
	l := New(Options{Ident: "inetd", Level: Debug, Stderr: w})
	for i := range 2 {
		l.Errorf("no daemon")
		if err := lostOnce(stderr); err != nil {
			return fmt.Errorf("before daemon %d: %w", i+1, err)
		}
		if err := oneDaemon(l); err != nil {
			return fmt.Errorf("daemon %d: %w", i+1, err)
		}
	}
	l.Close(time.Minute)
	return nil
}

// lostOnce reads standard error up to the line that found no daemon.
func lostOnce(stderr *bufio.Scanner) error {
	lost := 0
	for stderr.Scan() {
		switch _, line, _ := strings.Cut(stderr.Text(), "]: "); line {
		case "no syslog socket, logging to standard error":
			lost++
		case "no daemon":
			if lost != 1 {
				return fmt.Errorf("the loss was said %d times", lost)
			}
			return nil
		default:
			return fmt.Errorf("on standard error: %s", stderr.Text())
		}
	}
	return stderr.Err()
}

// oneDaemon opens /dev/log, reads one line of each priority and dies, which
// leaves the name behind.
func oneDaemon(l *Logger) error {
	os.Remove("/dev/log")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := back(l, c); err != nil {
		return err
	}
	for p := Err; p <= Debug; p++ {
		l.Log(p, "priority\n")
		got, err := receive(c)
		if err != nil {
			return err
		}
		const stamp = `[A-Z][a-z][a-z] [ 0-9]\d \d\d:\d\d:\d\d`
		want := fmt.Sprintf(`^<%d>%s inetd\[%d\]: priority\n$`, 3<<3|int(p), stamp, os.Getpid())
		if !regexp.MustCompile(want).MatchString(got) {
			return fmt.Errorf("got %q, want %s", got, want)
		}
	}
	return nil
}

// back logs a line, which the daemon must get after the news that it is back.
func back(l *Logger, c *net.UnixConn) error {
	l.Errorf("is there a daemon?")
	for _, want := range []string{"]: syslog is back (lines on standard error meanwhile: 1)\n", "]: is there a daemon?\n"} {
		got, err := receive(c)
		if err != nil {
			return err
		}
		if !strings.HasSuffix(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
	}
	return nil
}

func receive(c *net.UnixConn) (string, error) {
	buf := make([]byte, 16<<10)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := c.Read(buf)
	return string(buf[:n]), err
}
