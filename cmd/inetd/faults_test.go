package main

import (
	"bufio"
	"fmt"
	"inetd/internal/freeport"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faults are the system calls from a readable socket to a reaped server, each with the
// errors of its manual page, or for network errors those of accept(2) and socket(7).
// strace makes them fail, once for each thread of the daemon and each server. Two calls are
// left out: Go's runtime ends a program whose futex(2) fails, and a close(2) that strace
// makes fail leaves the descriptor open, as the kernel never does.
var faults = []struct{ kind, call, errors string }{
	{"stream", "epoll_pwait", "EINTR"}, // Go's runtime waits in it too, and ends the program after any other error
	{"stream", "accept4", "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK EOPNOTSUPP EPERM EPROTO ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH ETIMEDOUT"},
	{"stream", "getsockname", "EBADF EFAULT EINVAL ENOBUFS ENOTSOCK"},
	{"stream", "clone3", "EAGAIN EBUSY EINVAL ENOMEM ENOSPC EPERM"},
	{"stream", "close_range", "EMFILE ENOMEM EINVAL"},
	{"stream", "dup3", "EBADF EBUSY EINTR EINVAL EMFILE"},
	{"stream", "setsid", "EPERM"},
	{"stream", "prlimit64", "EFAULT EINVAL EPERM ESRCH"},
	{"stream", "execve", "E2BIG EACCES EAGAIN EFAULT EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT ENOEXEC ENOMEM ENOTDIR EPERM ETXTBSY"},
	{"stream", "pidfd_open", "EINVAL EMFILE ENFILE ENODEV ENOMEM ESRCH"},
	{"stream", "epoll_ctl", "EBADF EEXIST EINVAL ENOENT ENOMEM ENOSPC EPERM"},
	{"stream", "wait4", "ECHILD EINTR EINVAL"},
	{"dgram", "recvmsg", "EAGAIN EBADF ECONNREFUSED EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK"},
	{"dgram", "socket", "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT"},
	{"dgram", "bind", "EACCES EADDRINUSE EBADF EINVAL ENOTSOCK EADDRNOTAVAIL"},
	{"dgram", "connect", "EACCES EADDRINUSE EAGAIN EBADF EINTR ENETUNREACH ENOBUFS"},
	{"dgram", "sendmsg", "EACCES EAGAIN EBADF ECONNREFUSED EINTR EMSGSIZE ENOBUFS ENOMEM EPIPE"},
	{"dgram", "fcntl", "EBADF EINVAL EMFILE"},
	{"dgram", "setsockopt", "EBADF EFAULT EINVAL ENOPROTOOPT ENOMEM"},
	{"dgram", "getsockopt", "EBADF EFAULT EINVAL ENOPROTOOPT"},
	{"dgram", "poll,ppoll", "EFAULT EINTR EINVAL ENOMEM"},
}

// few are the faults that are tried without INETD_FAULTS (make check-faults).
var few = map[string]bool{"accept4 EMFILE": true, "clone3 EAGAIN": true, "dup3 EBUSY": true, "execve EACCES": true}

// TestFaults: whatever system call fails between a client and its server, the daemon
// neither ends nor spins, and serves the next client. If a client is not served, the log
// says so, and no fault causes many lines.
func TestFaults(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip(err)
	}
	if ok, _ := haveClone3(); !ok || os.Getuid() != 0 {
		t.Skip("needs root and clone3")
	}
	for _, row := range faults {
		for _, errno := range strings.Fields(row.errors) {
			name := row.call + " " + errno
			if os.Getenv("INETD_FAULTS") == "" && !few[name] {
				continue
			}
			t.Run(name, func(t *testing.T) { newFaulty(t, strace).try(t, row.kind, row.call, errno) })
		}
	}
}

// faulty is a daemon whose system calls fail.
type faulty struct {
	strace, dir string
	addrs       map[string]string // of the services by kind
	cmd         *exec.Cmd
	log         *transcript
}

func newFaulty(t *testing.T, strace string) *faulty {
	f := &faulty{strace: strace, dir: t.TempDir(), addrs: map[string]string{}}
	port, err := freeport.Claim()
	if err != nil {
		t.Fatal(err)
	}
	f.addrs["stream"] = fmt.Sprint("127.0.0.1:", port)
	f.addrs["dgram"] = f.addrs["stream"]
	f.start(t)
	t.Cleanup(f.end)
	return f
}

func (f *faulty) start(t *testing.T) {
	inetd, err := exec.LookPath("inetd")
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(f.dir, "inetd.conf")
	text := fmt.Sprintf("%s stream tcp4 nowait.0 root /bin/cat\n%[1]s dgram udp4 nowait.0 root /usr/bin/head head -c5\n", f.addrs["stream"])
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f.cmd = exec.Command(inetd, "-f", "-e", "--pidfile=", "--log-connections", conf)
	f.cmd.Stderr = w
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.log = newTranscript(r)
	if _, err := f.log.find(regexp.MustCompile("serving 2 services")); err != nil {
		t.Fatal(err)
	}
	f.visit("dgram") // has the daemon open what the first datagram client needs
}

func (f *faulty) end() {
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait()
}

// visitTime is how long a client waits for an answer that may not come.
const visitTime = 3 * time.Second

// visit reports whether a client is served.
func (f *faulty) visit(kind string) bool {
	network := map[string]string{"stream": "tcp4", "dgram": "udp4"}[kind]
	conn, err := net.Dial(network, f.addrs[kind])
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(visitTime))
	if _, err := conn.Write([]byte("hello")); err != nil {
		return false
	}
	answer, err := readAnswer(conn)
	return err == nil && string(answer) == "hello"
}

// try makes a call fail while a client comes.
func (f *faulty) try(t *testing.T, kind, call, errno string) {
	before := len(f.log.text())
	detach := f.attach(t, call, errno)
	served := f.visit(kind)
	if !detach() {
		t.Error("no call was made to fail")
	}
	again := false
	for until := time.Now().Add(patience); !again && time.Now().Before(until) && !f.log.over(); {
		again = f.visit(kind)
	}
	if f.log.over() {
		t.Fatalf("the daemon has ended:\n%s", f.log.text()[before:])
	}
	if !served { // the daemon may look at the program before it logs the line
		_ = f.log.wait(func() bool { return len(told(string(f.log.data[before:]))) > 0 })
	}
	lines := told(f.log.text()[before:])
	switch {
	case !again:
		t.Errorf("no further client is served:\n%s", lines)
	case !served && len(lines) == 0:
		t.Error("the client was not served, and the log does not say why")
	case len(lines) > 1:
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if ticks := f.ticks(t, 100*time.Millisecond); ticks > 5 {
		t.Errorf("the daemon spins: %d ticks of CPU in a tenth of a second without a client", ticks)
	}
	t.Logf("served %v, %q", served, lines)
}

// told returns the lines of a log that are about more than connections.
func told(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, ": connection from ") && !strings.Contains(line, ": end of connection from ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// attach has strace make the next call of each thread and server fail. detach waits until a
// call has failed, ends strace, and reports whether one has.
func (f *faulty) attach(t *testing.T, call, errno string) (detach func() bool) {
	out := filepath.Join(f.dir, "strace")
	cmd := exec.Command(f.strace, "-f", "-o", out, "-e", "trace="+call,
		"-e", "inject="+call+":error="+errno+":when=1", "-p", fmt.Sprint(f.cmd.Process.Pid))
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "attached") {
		if strings.Contains(lines.Text(), "Operation not permitted") {
			t.Skip("processes may not be traced here")
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	failed := func() bool {
		text, _ := os.ReadFile(out)
		return strings.Contains(string(text), "(INJECTED)")
	}
	return func() bool {
		// The daemon reaps only after the client has gone.
		for until := time.Now().Add(patience); !failed() && time.Now().Before(until); {
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Process.Signal(unix.SIGINT)
		select {
		case <-drained:
		case <-time.After(visitTime): // strace waits for a thread that is gone
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		return failed()
	}
}

// ticks returns how much CPU the daemon uses during d, in hundredths of a second.
func (f *faulty) ticks(t *testing.T, d time.Duration) int {
	used := func() int {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
		var user, system int
		_, err = fmt.Sscan(fields[12]+" "+fields[13], &user, &system)
		if err != nil {
			t.Fatal(err)
		}
		return user + system
	}
	before := used()
	time.Sleep(d)
	return used() - before
}
