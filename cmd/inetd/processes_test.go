package main

import (
	"bytes"
	"errors"
	"fmt"
	"inetd/internal/freeport"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attackEnv is set to have tests attack at every size rather than at a few.
const attackEnv = "INETD_ATTACK"

// processLimits returns the limits on processes that a daemon has to live with. They count
// its threads and its servers.
func processLimits() (sizes []int) {
	if os.Getenv(attackEnv) == "" {
		return []int{12, 15, 40}
	}
	for n := 12; n <= 80; n++ {
		sizes = append(sizes, n)
	}
	return sizes
}

// TestProcessLimitOfGroup: servers use up the processes of a control group, as in a
// container or under TasksMax of systemd. Go's runtime ends a program that needs a thread
// and gets none, so the daemon must need no further thread then.
func TestProcessLimitOfGroup(t *testing.T) {
	t.Parallel()
	for _, n := range processLimits() {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			newSiege(t, "root", "group", newGroup(t, n)).run(n)
		})
	}
}

// TestProcessLimitInBackground: the process that has started the daemon, and ends when the
// daemon serves, takes no room from the daemon's threads.
func TestProcessLimitInBackground(t *testing.T) {
	t.Parallel()
	dir := newGroup(t, 16)
	work := t.TempDir()
	conf, pidFile := filepath.Join(work, "conf"), filepath.Join(work, "pid")
	if err := os.WriteFile(conf, []byte(work+"/socket stream unix nowait - internal discard\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("inetd")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(filepath.Dir(program), "t-confine"), "group", dir, program, "-e", "-p", pidFile, conf)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	const enough = 11
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%s/task", strings.TrimSpace(string(pid))))
		if err == nil && len(threads) >= enough {
			return
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%d threads, want %d; %v", len(threads), enough, err)
		}
	}
}

// TestClientWaitsForProcess: a client for whom no process can be made keeps its
// connection, and is served when there is room.
func TestClientWaitsForProcess(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"HOLD", "ONCE"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, "root", "group", newGroup(t, 18))
			const noRoom = ": fork: Resource temporarily unavailable"
			hold := call{"tcp", "HOLD", "x", "x"}
			var held []net.Conn
			for {
				c, err := s.dial(hold)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				served := false
				for !served && !strings.Contains(s.log.text(), noRoom) {
					served = answersWithin(t, c, 100*time.Millisecond)
				}
				if !served {
					break
				}
				held = append(held, c)
			}
			if service == "ONCE" {
				c, err := s.dial(call{"udp", "ONCE", "x", "x"})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				io.WriteString(c, "x")
				held[0].Close()
				held[1].Close()
				if !answersWithin(t, c, patience) {
					t.Error("a datagram was lost")
				}
				return
			}
			waits, err := s.dial(hold)
			if err != nil {
				t.Fatal(err)
			}
			defer waits.Close()
			held[0].Close()
			held[1].Close()
			if !answersWithin(t, waits, patience) {
				t.Error("the client was not served")
			}
		})
	}
}

// answersWithin sends a byte to an echoing service and reports whether it comes back in
// time. The test fails if the connection ends.
func answersWithin(t *testing.T, c net.Conn, d time.Duration) bool {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(d))
	_, _ = io.WriteString(c, "x")
	_, err := io.ReadFull(c, make([]byte, 1))
	if err != nil && !os.IsTimeout(err) {
		t.Fatalf("the client was disconnected: %v", err)
	}
	return err == nil
}

// TestProcessLimitOfUser is like TestProcessLimitOfGroup, by RLIMIT_NPROC, which counts the
// threads of a user.
func TestProcessLimitOfUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be a user without other processes")
	}
	for _, n := range processLimits() {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			newSiege(t, "-", "user", fmt.Sprintf("%d:%d", n, 1_900_000_000+os.Getpid()*100+n)).run(n)
		})
	}
}

// confine is a program that limits its processes and executes another program.
func confine() {
	kind, how, argv := os.Args[1], os.Args[2], os.Args[3:]
	program, err := unix.Open(argv[0], unix.O_PATH|unix.O_CLOEXEC, 0) // it lies where no other user can reach it
	switch kind {
	case "group":
		err = os.WriteFile(filepath.Join(how, "cgroup.procs"), []byte("0"), 0)
	case "user":
		var n, uid int
		if _, err = fmt.Sscanf(how, "%d:%d", &n, &uid); err == nil {
			err = errors.Join(unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)}), syscall.Setuid(uid))
		}
	}
	if err == nil {
		err = syscall.Exec(fmt.Sprintf("/proc/self/fd/%d", program), argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "t-confine:", err)
	os.Exit(2)
}

// newGroup makes a control group with room for n processes, for as long as the test runs.
func newGroup(t *testing.T, n int) string {
	t.Helper()
	if _, err := pidsGroups(); err != nil {
		t.Skip(err)
	}
	dir, end := keptGroup(t, n)
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// keptGroup starts a process that makes a control group, and removes it when the test ends:
// a test that is killed could not remove it itself.
func keptGroup(t *testing.T, n int) (dir string, end func() error) {
	t.Helper()
	program, err := exec.LookPath("t-group")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, strconv.Itoa(n))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's ^C is for the test
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fscanln(out, &dir)
	end = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	if err != nil {
		t.Skip("no control group: ", errors.Join(err, end()))
	}
	return dir, end
}

// keepGroup is a program that makes a control group with room for some processes, says
// where, and removes it when its standard input ends.
func keepGroup() {
	root, err := pidsGroups()
	exitOn(err)
	dir, err := os.MkdirTemp(root, "inetd-test-")
	exitOn(err)
	if err = os.WriteFile(filepath.Join(dir, "pids.max"), []byte(os.Args[1]), 0); err == nil {
		fmt.Println(dir)
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	exitOn(errors.Join(err, removeGroup(dir)))
}

// TestGroupEndsWithTest: when the test is gone, its control group is removed and the
// processes in it are killed.
func TestGroupEndsWithTest(t *testing.T) {
	t.Parallel()
	if _, err := pidsGroups(); err != nil {
		t.Skip(err)
	}
	program, err := exec.LookPath("t-confine")
	if err != nil {
		t.Fatal(err)
	}
	dir, end := keptGroup(t, 9)
	inside := exec.Command(program, "group", dir, "/bin/cat")
	in, err1 := inside.StdinPipe()
	out, err2 := inside.StdoutPipe()
	if err := errors.Join(err1, err2, inside.Start()); err != nil {
		t.Fatal(err)
	}
	var word string
	_, _ = io.WriteString(in, "runs\n")
	if _, err := fmt.Fscanln(out, &word); err != nil || word != "runs" {
		t.Errorf("%q, %v", word, err)
	}
	ended := make(chan error, 1) // reaped at once: a zombie holds its group
	go func() { ended <- inside.Wait() }()
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a process of the group goes on")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", dir, err)
	}
}

// pidsGroups returns a directory in which control groups that count processes can be made.
func pidsGroups() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		control, _ := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if (filepath.Base(dir) == "pids" || bytes.Contains(control, []byte("pids"))) && unix.Access(dir, unix.W_OK) == nil {
			return dir, nil
		}
	}
	return "", errors.New("no control group of processes is writable")
}

// removeGroup kills what is left in a control group, and removes the group.
func removeGroup(dir string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, pid := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(pid); err == nil && n > 0 {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
		if err == nil {
			err = os.Remove(dir)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// siege is a daemon and many clients of all its services.
type siege struct {
	*testing.T
	cmd   *exec.Cmd
	log   *transcript
	ports map[string]string
	calls []call
}

// call is what a client sends to a service, and the answer that it wants.
type call struct{ network, service, text, want string }

const siegeConf = `
127.0.0.1:HOLD stream tcp nowait USER /usr/bin/cat cat
127.0.0.1:EXEC stream tcp nowait/10000/10000 USER /bin/sh sh -c 'exec cat'
127.0.0.1:ONCE dgram udp nowait USER /usr/bin/head head -c 1
127.0.0.1:ECHO stream tcp nowait USER internal echo
127.0.0.1:ECHO dgram udp wait USER internal echo
127.0.0.1:TIME stream tcp nowait USER internal daytime
127.0.0.1:MUX stream tcp nowait USER internal tcpmux
127.0.0.1:AUTH stream tcp nowait USER internal auth
tcpmux/+hold stream tcp nowait USER /usr/bin/cat cat
`

// newSiege starts a daemon under a limit on processes: see confine.
func newSiege(t *testing.T, user, kind, how string) *siege {
	s := &siege{T: t, ports: map[string]string{}}
	conf := strings.ReplaceAll(siegeConf, "USER", user)
	for _, name := range []string{"HOLD", "EXEC", "ONCE", "ECHO", "TIME", "MUX", "AUTH"} {
		port, err := freeport.Claim()
		if err != nil {
			t.Fatal(err)
		}
		s.ports[name] = strconv.Itoa(port)
		conf = strings.ReplaceAll(conf, "127.0.0.1:"+name, "127.0.0.1:"+s.ports[name])
	}
	s.calls = []call{
		{"tcp", "HOLD", "x", "x"},
		{"tcp", "EXEC", "x", "x"},
		{"udp", "ONCE", "x", "x"},
		{"tcp", "ECHO", "x", "x"},
		{"udp", "ECHO", "x", "x"},
		{"tcp", "TIME", "", ""},
		{"tcp", "MUX", "hold\r\nx", "+Go\r\nx"},
		{"tcp", "AUTH", "1,2\r\n", "1 , 2 : ERROR"},
	}
	file := filepath.Join(mayRead(t, t.TempDir()), "conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(kind, how, "-f", "-e", "--pidfile=", "-l", "-W", "--resolve", "-R", "0", file)
	return s
}

func (s *siege) start(kind, how string, args ...string) {
	program, err := exec.LookPath("inetd")
	if err != nil {
		s.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.Fatal(err)
	}
	defer w.Close()
	s.cmd = exec.Command(filepath.Join(filepath.Dir(program), "t-confine"), append([]string{kind, how, program}, args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = "/", w, w
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.log = newTranscript(r)
	s.Cleanup(s.end)
	s.await(`: serving [0-9]+ services?\n`)
}

// await waits for a line of the log.
func (s *siege) await(pattern string) {
	s.Helper()
	if _, err := s.log.find(regexp.MustCompile(pattern)); err != nil {
		s.Fatalf("%s: %v in\n%s", pattern, err, s.tail())
	}
}

// tail returns the end of the log, or what Go's runtime has said when it ended the daemon.
func (s *siege) tail() string {
	text := s.log.text()
	if _, last, dead := strings.Cut(text, "\nruntime: "); dead {
		return "runtime: " + last[:min(len(last), 1000)]
	}
	return text[max(0, len(text)-4000):]
}

// end ends the daemon, which must have lived until then.
func (s *siege) end() {
	_ = s.cmd.Process.Signal(unix.SIGTERM)
	if err := s.log.waitOver(); err != nil {
		_ = s.cmd.Process.Kill()
	}
	if err := s.cmd.Wait(); err != nil {
		s.Errorf("the daemon: %v\n%s", err, s.tail())
	}
}

// run lets clients come in crowds, with reloads in between, and then tries all services.
// The log must say that few processes can be made.
func (s *siege) run(limit int) {
	for range 2 {
		conns := s.crowd()
		s.reload()
		s.reload()
		for _, c := range conns {
			c.Close()
		}
	}
	for _, c := range s.calls {
		s.serves(c)
	}
	const line = ": servers may have only "
	few := func() bool { return bytes.Contains(s.log.data, []byte(line)) }
	if limit < 13 && s.log.wait(few) != nil || limit >= 30 && strings.Contains(s.log.text(), line) {
		s.Errorf("limit %d: log\n%s", limit, s.tail())
	}
}

func (s *siege) reload() {
	s.Helper()
	if err := s.cmd.Process.Signal(unix.SIGHUP); err != nil {
		s.Fatalf("%v\n%s", err, s.tail())
	}
	s.await(`: configuration reloaded: .*\n`)
}

// crowd connects 200 clients at once, which stay.
func (s *siege) crowd() (conns []net.Conn) {
	const clients = 200
	var wg sync.WaitGroup
	conns = make([]net.Conn, clients)
	for i := range conns {
		c := s.calls[i%len(s.calls)]
		wg.Go(func() {
			var err error
			if conns[i], err = s.dial(c); err != nil {
				s.Errorf("%v: %v", c, err)
				return
			}
			_, _ = io.WriteString(conns[i], c.text)
			_ = conns[i].SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, _ = conns[i].Read(make([]byte, 16))
		})
	}
	wg.Wait()
	if s.Failed() {
		s.FailNow()
	}
	return conns
}

func (s *siege) dial(c call) (net.Conn, error) {
	return net.DialTimeout(c.network, net.JoinHostPort("127.0.0.1", s.ports[c.service]), patience)
}

// serves waits until a client gets its answer: servers of earlier clients may still be
// ending.
func (s *siege) serves(c call) {
	s.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if s.log.over() {
			s.Fatalf("the daemon has ended:\n%s", s.tail())
		}
		if err = s.answered(c); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Errorf("%v: %v\n%s", c, err, s.tail())
}

func (s *siege) answered(c call) error {
	conn, err := s.dial(c)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, c.text); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	got := make([]byte, max(1, len(c.want)))
	n, err := io.ReadFull(conn, got)
	if err == nil && !strings.HasPrefix(string(got[:n]), c.want) {
		err = fmt.Errorf("answer %q", got[:n])
	}
	return err
}

// mayRead lets other users into a directory of a test.
func mayRead(t *testing.T, dir string) string {
	t.Helper()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
