// Package pty runs a server on a terminal and relays between it and the byte stream of
// the client, in a process of its own. In go the connection, as descriptors 0 and 1, and
// a server with its arguments; out come the bytes of each to the other, and in the end
// this process exits or dies as the server has.
//
// The daemon starts this program again, as the user of the entry, so that the daemon
// never carries a byte of a client itself. The terminal has 24 lines of 80 columns. It
// does not echo what the client sends, and what the server writes is sent as it is.
package pty

import (
	"errors"
	"fmt"
	"inetd/internal/child"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Flag is the first argument of a process that runs a server on a terminal. The path of
// the server and its arguments, argv[0] included, follow.
const Flag = "--pty"

// self leads to this program, also when its file was replaced.
const self = "/proc/self/exe"

// Command returns the program that runs a server on a terminal, and its arguments.
func Command(path string, argv []string) (program string, args []string) {
	return self, append([]string{"inetd-pty", Flag, path}, argv...)
}

// The size of the terminal.
const lines, columns = 24, 80

// The exit statuses for a server that cannot be executed, as of env(1) and the shell.
const (
	notExecuted = 126
	notFound    = 127
)

// Main is the main function of such a process. It returns the exit status.
func Main(args []string) int {
	if len(args) < 2 {
		fmt.Fprintln(os.Stderr, "pty: it is started by the daemon alone")
		return notExecuted
	}
	runtime.LockOSThread() // the server is killed when this thread ends
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP) // before the server, which then inherits none ignored
	p, slave, err := open()
	if err != nil {
		fmt.Fprintf(os.Stderr, "pty: %v\n", err)
		return notExecuted
	}
	if p.server, err = start(args[0], args[1:], slave); err != nil {
		fmt.Fprintf(os.Stderr, "pty: %s: %v\n", args[0], err)
		if errors.Is(err, unix.ENOENT) {
			return notFound
		}
		return notExecuted
	}
	slave.Close()
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) // so that writing to a client that is gone is an error
	go p.passSignals(signals)
	go p.fromClient(os.Stdin)
	sent := make(chan struct{})
	go func() {
		p.toClient(os.Stdout)
		close(sent)
	}()
	return p.end(sent)
}

// terminal is the master end of a terminal, and the server at the other end.
type terminal struct {
	*os.File
	server int
}

// open makes a terminal and returns both ends.
func open() (t *terminal, slave *os.File, err error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	t = &terminal{File: master}
	err = t.control(func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return os.NewSyscallError("ioctl TIOCSPTLCK", err)
		}
		peer, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
		if e != 0 {
			return os.NewSyscallError("ioctl TIOCGPTPEER", e)
		}
		slave = os.NewFile(peer, "terminal")
		return furnish(int(peer))
	})
	return t, slave, err
}

// furnish sets the size of a terminal, and the modes that matter to a byte stream.
// What the client sends is still read by lines, so that its end can be told to the
// server (VEOF).
func furnish(fd int) error {
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns}); err != nil {
		return os.NewSyscallError("ioctl TIOCSWINSZ", err)
	}
	modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return os.NewSyscallError("ioctl TCGETS", err)
	}
	modes.Lflag &^= unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHONL | unix.ECHOCTL | unix.ECHOKE
	modes.Oflag &^= unix.OPOST
	return os.NewSyscallError("ioctl TCSETS", unix.IoctlSetTermios(fd, unix.TCSETS, modes))
}

// control calls f with the descriptor of the master end.
func (t *terminal) control(f func(fd int) error) error {
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	return errors.Join(raw.Control(func(fd uintptr) { e = f(int(fd)) }), e)
}

// start executes the server in a session of its own, with slave as its terminal. Its
// standard error is the terminal too, unless the daemon has sent it elsewhere. The server
// is killed when this process ends.
func start(path string, argv []string, slave *os.File) (pid int, err error) {
	fds := []uintptr{slave.Fd(), slave.Fd(), slave.Fd()}
	if elsewhere() {
		fds[2] = os.Stderr.Fd()
	}
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Files: fds, Env: environment(),
		Sys: &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: unix.SIGKILL},
	})
}

// elsewhere reports whether standard error is something other than the connection.
func elsewhere() bool {
	var in, diag unix.Stat_t
	return unix.Fstat(0, &in) == nil && unix.Fstat(2, &diag) == nil && (in.Dev != diag.Dev || in.Ino != diag.Ino)
}

// environment returns the environment of the server, with TERM set.
func environment() []string {
	env := os.Environ()
	if _, set := os.LookupEnv("TERM"); !set {
		env = append(env, "TERM=dumb")
	}
	return env
}

// passSignals passes on the signals by which the daemon ends the server. SIGKILL need not
// be passed on: the server ends with this process.
func (t *terminal) passSignals(signals <-chan os.Signal) {
	for s := range signals {
		_ = unix.Kill(-t.server, s.(syscall.Signal))
	}
}

// hangUp tells the server that its client is gone, as a modem would.
func (t *terminal) hangUp() { _ = unix.Kill(-t.server, unix.SIGHUP) }

// fromClient passes on what the client sends, and in the end that nothing more comes.
func (t *terminal) fromClient(conn io.Reader) {
	b, last := make([]byte, 4096), byte('\n')
	for {
		n, err := conn.Read(b)
		if n > 0 {
			last = b[n-1]
			if _, err := t.Write(b[:n]); err != nil {
				return // the server has ended
			}
		}
		switch {
		case err == io.EOF:
			t.sendEnd(last)
			return
		case err != nil:
			t.hangUp()
			return
		}
	}
}

// sendEnd has the server read the end of its input. A terminal that is not read by lines
// has no such end: there the server gets SIGHUP.
func (t *terminal) sendEnd(last byte) {
	err := t.control(func(fd int) error {
		modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		switch {
		case err != nil:
			return err
		case modes.Lflag&unix.ICANON == 0:
			return unix.ENOTTY
		}
		end := string(modes.Cc[unix.VEOF])
		if last != '\n' {
			end += end // the first one ends the line
		}
		_, err = unix.Write(fd, []byte(end))
		return err
	})
	if err != nil {
		t.hangUp()
	}
}

// toClient passes on what the server writes, until nobody has the terminal open. If the
// client is gone the server gets SIGHUP, and what it still writes is dropped.
func (t *terminal) toClient(conn io.Writer) {
	b, gone := make([]byte, 32<<10), false
	for {
		n, err := t.Read(b)
		if n > 0 && !gone {
			if _, e := conn.Write(b[:n]); e != nil {
				gone = true
				t.hangUp()
			}
		}
		if err != nil {
			return // EIO: nobody has the terminal open any more
		}
	}
}

// restTime is how long after the end of the server its terminal may still have bytes on
// the way, or be held open by processes that it has left behind.
const restTime = 100 * time.Millisecond

// end waits for the server, and for what it has written to be sent, tells the client
// that nothing more comes, and ends as the server has: it returns the exit status, or
// this process is ended by the same signal.
func (t *terminal) end(sent <-chan struct{}) int {
	var st unix.WaitStatus
	for {
		_, err := unix.Wait4(t.server, &st, 0, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return notExecuted
		}
	}
	_ = t.SetReadDeadline(time.Now().Add(restTime))
	<-sent
	_ = unix.Shutdown(1, unix.SHUT_WR)
	if !st.Signaled() {
		return st.ExitStatus()
	}
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // the server may have left a core
	child.DefaultSignal(st.Signal())
	// A signal to the process may go to another thread, and come after this thread has
	// ended the process with a status. A signal to this thread comes before that.
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), st.Signal())
	return 128 + int(st.Signal())
}
