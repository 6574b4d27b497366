package child

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// softNofile is the soft limit that TestMain gives the test process, so that
// it differs from the hard one, to which package syscall raises it.
const softNofile = 777

// TestMain makes the test binary the servers of its tests too: argv[0] says
// which. The tests themselves run in a process with a low soft RLIMIT_NOFILE.
func TestMain(m *testing.M) {
	if serve, ok := servers[os.Args[0]]; ok {
		serve()
		syscall.Exit(0) // with -race os.Exit takes a second
	}
	if err := FreshSignals(); err != nil {
		fatal(err)
	}
	if os.Getenv("CHILD_TEST_LIMITED") == "" {
		runLimited()
	}
	// As the daemon does: what this process inherited must not go to servers.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		fatal(err)
	}
	os.Exit(m.Run())
}

func runLimited() {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		fatal(err)
	}
	l.Cur = softNofile
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		fatal(err)
	}
	fatal(syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), "CHILD_TEST_LIMITED=1")))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}

var servers = map[string]func(){
	"t-exit":   func() {},
	"t-exit-3": func() { syscall.Exit(3) },
	"t-report": func() { json.NewEncoder(os.Stdout).Encode(observe()) },
	"t-cat":    func() { io.Copy(os.Stdout, os.Stdin) },
	"t-listen": observeListener,
	"t-limit":  startAtLimit,
	"t-ioprio": reportIOPriority,
	"t-abort":  func() { syscall.Kill(os.Getpid(), syscall.SIGKILL) },
}

// report is what a server sees of itself.
type report struct {
	Args, Env            []string
	UID, EUID, GID, EGID int
	Groups               []int
	Session, Pid         int
	Nonblocking          bool
}

func observe() report {
	r := report{
		Args: os.Args, Env: os.Environ(),
		UID: os.Getuid(), EUID: os.Geteuid(), GID: os.Getgid(), EGID: os.Getegid(), Pid: os.Getpid(),
	}
	r.Groups, _ = os.Getgroups()
	slices.Sort(r.Groups)
	r.Session, _ = unix.Getsid(0)
	flags, _ := unix.FcntlInt(0, unix.F_GETFL, 0)
	r.Nonblocking = flags&unix.O_NONBLOCK != 0
	return r
}

// harness runs children over one way of starting them.
type harness struct {
	*testing.T
	*Starter
}

// bothWays runs a test over clone3 and over ForkExec.
func bothWays(t *testing.T, test func(h harness)) {
	t.Run("clone", func(t *testing.T) { test(cloning(t)) })
	t.Run("fork", func(t *testing.T) { test(newHarness(t, newForking)) })
}

// newForking returns a Starter that uses syscall.ForkExec.
func newForking() (*Starter, error) {
	s, err := New()
	if err == nil {
		s.fork = true
	}
	return s, err
}

// cloning returns a harness that uses clone3, or skips the test.
func cloning(t *testing.T) harness {
	h := newHarness(t, New)
	if !h.Clone() {
		t.Skip("clone3 is not available here")
	}
	return h
}

func newHarness(t *testing.T, make func() (*Starter, error)) harness {
	s, err := make()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for err := error(nil); err != syscall.ECHILD; {
			_, err = syscall.Wait4(-1, nil, 0, nil) // what is left would confuse the next Starter
		}
		s.Close()
	})
	return harness{t, s}
}

// Command is a Program with its Profile, before they are made.
type Command struct {
	Path string // "": this test binary
	Argv []string
	Env  []string
	Cred *Credential
	Setup
}

func (h harness) prepare(c Command) *Program {
	h.Helper()
	g, err := h.tryPrepare(c)
	if err != nil {
		h.Fatal(err)
	}
	return g
}

func (h harness) tryPrepare(c Command) (*Program, error) {
	if c.Path == "" {
		c.Path = "/proc/self/exe"
	}
	p, err := h.Profile(c.Env, c.Cred, c.Setup)
	if err != nil {
		return nil, err
	}
	return p.Program(c.Path, c.Argv)
}

// connect returns two ends of a connection, the first for Start.
func (h harness) connect() (server int, client *os.File) {
	h.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.Fatal(err)
	}
	return fds[0], os.NewFile(uintptr(fds[1]), "client")
}

func (h harness) start(p *Program, extra string) (pid int, client *os.File) {
	h.Helper()
	server, client := h.connect()
	pid, err := h.Start(p, server, NoStderr, []byte(extra))
	if err != nil {
		h.Fatal(err)
	}
	return pid, client
}

// await returns the next status, of any child.
func (h harness) await() Status {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		h.Settle(time.Millisecond)
		if st, ok := h.Reap(); ok {
			return st
		}
		unix.Poll([]unix.PollFd{{Fd: int32(h.Wake()), Events: unix.POLLIN}}, 1)
	}
	h.Fatal("no child ended")
	return Status{}
}

// output runs an ordinary program to its end and returns what it wrote.
func (h harness) output(argv ...string) string {
	h.Helper()
	_, client := h.start(h.prepare(Command{Path: "/bin/" + argv[0], Argv: argv}), "")
	defer client.Close()
	if st := h.await(); st.Stage != Run || st.Wait != 0 {
		h.Fatalf("%q: %+v", argv, st)
	}
	out, err := io.ReadAll(client)
	if err != nil {
		h.Fatal(err)
	}
	return string(out)
}

// report starts a server that reports on itself and returns what it says.
func (h harness) report(c Command, extra string) report {
	h.Helper()
	c.Argv = append([]string{"t-report"}, c.Argv...)
	pid, client := h.start(h.prepare(c), extra)
	defer client.Close()
	h.Settle(10 * time.Second)
	var r report
	if err := json.NewDecoder(client).Decode(&r); err != nil {
		h.Fatalf("report: %v (%+v)", err, h.await())
	}
	if st := h.await(); st.Pid != pid || st.Stage != Run || st.Wait != 0 {
		h.Fatalf("status of the reporting server %d: %+v", pid, st)
	}
	return r
}
