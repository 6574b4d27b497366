package child

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"inetd/internal/child/nofile"
	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

func TestChildHasDescriptors012Only(t *testing.T) {
	bothWays(t, func(h harness) {
		for _, crowded := range []bool{false, true} {
			h.crowded = crowded
			high, err := unix.FcntlInt(uintptr(h.Wake()), unix.F_DUPFD_CLOEXEC, h.Floor())
			if err != nil {
				h.Fatal(err)
			}
			got := strings.Fields(h.output("ls", "/proc/self/fd"))
			unix.Close(high)
			if want := []string{"0", "1", "2", "3"}; !slices.Equal(got, want) { // 3 is the directory
				h.Errorf("crowded %v: descriptors %v, want %v", crowded, got, want)
			}
			if h.report(Command{}, "").Nonblocking {
				h.Errorf("crowded %v: descriptor 0 is non-blocking", crowded)
			}
		}
	})
}

// A full low part of the table leaves no room for a connection below the wake
// descriptor, where a shared start needs it.
func TestChildOfHighDescriptor(t *testing.T) {
	bothWays(t, func(h harness) {
		h.crowded = true
		server, client := h.connect()
		defer client.Close()
		high, err := unix.FcntlInt(uintptr(server), unix.F_DUPFD_CLOEXEC, h.Floor()+10)
		if err != nil {
			h.Fatal(err)
		}
		unix.Close(server)
		if _, err := h.Start(h.prepare(Command{Argv: []string{"t-cat"}}), high, NoStderr, nil); err != nil {
			h.Fatal(err)
		}
		h.Settle(10 * time.Second)
		client.WriteString("ping")
		var b [4]byte
		if _, err := io.ReadFull(client, b[:]); err != nil || string(b[:]) != "ping" {
			h.Fatalf("read %q, %v", b, err)
		}
		client.Close()
		h.await()
	})
}

func TestSignalsDefaultAndUnblocked(t *testing.T) {
	bothWays(t, func(h harness) {
		masks := 0
		for line := range strings.Lines(h.output("cat", "/proc/self/status")) {
			name, mask, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if name != "SigBlk" && name != "SigIgn" && name != "SigCgt" {
				continue
			}
			masks++
			if strings.Trim(mask, "0") != "" {
				h.Errorf("%s is %s", name, mask)
			}
		}
		if masks != 3 {
			h.Errorf("%d signal masks in /proc/self/status, want 3", masks)
		}
	})
}

func TestNofileAsTheDaemonWasStarted(t *testing.T) {
	want := uint64(softNofile)
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		want = 0 // no assembly; ForkExec restores the limit
	}
	if nofile.AtStart.Soft != want {
		t.Fatalf("soft limit at start %d, want %d: package nofile came too late", nofile.AtStart.Soft, want)
	}
	if softLimit() == softNofile {
		t.Fatal("package syscall has not raised the soft limit, so this test shows nothing")
	}
	bothWays(t, func(h harness) {
		if got := h.output("sh", "-c", "ulimit -n"); strings.TrimSpace(got) != fmt.Sprint(softNofile) {
			h.Errorf("ulimit -n in the child: %q, want %d", got, softNofile)
		}
	})
}

func softLimit() uint64 {
	var l syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Cur
}

func TestArgumentsEnvironmentSession(t *testing.T) {
	bothWays(t, func(h harness) {
		r := h.report(Command{Argv: []string{"a b", ""}, Env: []string{"A=1", "B=two words"}}, "PEER=::1\x00LAST=\x00")
		if want := []string{"t-report", "a b", ""}; !slices.Equal(r.Args, want) {
			h.Errorf("arguments %q, want %q", r.Args, want)
		}
		if want := []string{"A=1", "B=two words", "PEER=::1", "LAST="}; !slices.Equal(r.Env, want) {
			h.Errorf("environment %q, want %q", r.Env, want)
		}
		if r.Session != r.Pid {
			h.Errorf("session %d of process %d: no setsid", r.Session, r.Pid)
		}
	})
}

func TestCredentialsExact(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	program := filepath.Join(t.TempDir(), "server") // /proc/self/exe is root's alone
	copyFile(t, "/proc/self/exe", program)
	tests := []Credential{
		{UID: 65534, GID: 65534, Groups: []uint32{65534}},
		{UID: 12345, GID: 54321, Groups: []uint32{1, 5, 54321}},
		{UID: 12345, GID: 54321},
		{UID: 0, GID: 7, Groups: []uint32{7}},
	}
	bothWays(t, func(h harness) {
		for _, c := range tests {
			r := h.report(Command{Path: program, Cred: &c}, "")
			if r.UID != int(c.UID) || r.EUID != int(c.UID) || r.GID != int(c.GID) || r.EGID != int(c.GID) {
				h.Errorf("%+v: got uid %d/%d gid %d/%d", c, r.UID, r.EUID, r.GID, r.EGID)
			}
			if !slices.EqualFunc(r.Groups, c.Groups, func(a int, b uint32) bool { return a == int(b) }) {
				h.Errorf("%+v: got groups %v", c, r.Groups)
			}
		}
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	for dir := filepath.Dir(to); err == nil && strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFailedCredentialNeverRunsTheServer(t *testing.T) {
	bothWays(t, func(h harness) {
		// No process may have the uid -1, and only root may try any other.
		c := &Credential{UID: ^uint32(0), GID: uint32(os.Getgid())}
		pid, client := h.start(h.prepare(Command{Argv: []string{"t-report"}, Cred: c}), "")
		defer client.Close()
		st := h.await()
		if st.Pid != pid || st.Stage == Run {
			h.Errorf("status %+v, want a failure of child %d", st, pid)
		}
		if h.Clone() && os.Getuid() == 0 && (st.Stage != User || st.Errno != syscall.EINVAL) {
			h.Errorf("status %+v, want setuid: EINVAL", st)
		}
		if out, _ := io.ReadAll(client); len(out) > 0 {
			h.Errorf("the server ran: %q", out)
		}
	})
}

func TestFailedExec(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		path string
		want syscall.Errno
		text string
	}{
		{dir + "/missing", syscall.ENOENT, "No such file or directory"},
		{write("plain", "x", 0o644), syscall.EACCES, "Permission denied"},
		{dir, syscall.EACCES, "Permission denied"},
		{write("noformat", "echo hello\n", 0o755), syscall.ENOEXEC, "Exec format error"},
		{write("nointerp", "#!/no/such/interpreter\n", 0o755), syscall.ENOENT, "No such file or directory"},
	}
	bothWays(t, func(h harness) {
		for _, tt := range tests {
			pid, client := h.start(h.prepare(Command{Path: tt.path, Argv: []string{"x"}}), "")
			st := h.await()
			if st.Pid != pid || st.Stage != Exec || st.Errno != tt.want {
				h.Errorf("%s: %+v, want stage exec, %v", tt.path, st, tt.want)
			}
			if got, want := st.Error(tt.path), "execv "+tt.path+": "+tt.text; got != want {
				h.Errorf("message %q, want %q", got, want)
			}
			if b, err := io.ReadAll(client); len(b) > 0 || err != nil {
				h.Errorf("%s: the client read %q, %v, want the end", tt.path, b, err)
			}
			client.Close()
		}
		if st, ok := h.Reap(); ok {
			h.Errorf("a failure was reported twice: %+v", st)
		}
	})
}

// A loop that sleeps until something happens must learn of the failure.
func TestFailedExecWakesTheDaemon(t *testing.T) {
	bothWays(t, func(h harness) {
		_, client := h.start(h.prepare(Command{Path: "/no/such/program", Argv: []string{"x"}}), "")
		defer client.Close()
		socktest.Await(h, h.Wake())
		h.await()
	})
}

func TestExitStatus(t *testing.T) {
	bothWays(t, func(h harness) {
		_, client := h.start(h.prepare(Command{Argv: []string{"t-exit-3"}}), "")
		defer client.Close()
		if st := h.await(); st.Wait.ExitStatus() != 3 || st.Stage != Run {
			h.Errorf("status %+v, want exit status 3", st)
		}
		_, client = h.start(h.prepare(Command{Argv: []string{"t-abort"}}), "")
		defer client.Close()
		if st := h.await(); st.Wait.Signal() != syscall.SIGKILL {
			h.Errorf("status %+v, want SIGKILL", st)
		}
	})
}

// Ten thousand children in a row: each is reaped, none stays a zombie, and
// neither threads nor descriptors of the daemon grow with them.
func TestManyChildrenAllReaped(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 500
	}
	bothWays(t, func(h harness) {
		if !h.Clone() {
			n = min(n, 1000) // ForkExec is the fallback, and slow under -race
		}
		p := h.prepare(Command{Path: "/bin/true", Argv: []string{"true"}})
		threadsBefore, fds := threads(), descriptors()
		alive := map[int]bool{}
		reap := func(limit int) {
			for len(alive) > limit {
				st := h.await()
				if !alive[st.Pid] || st.Stage != Run || st.Wait != 0 {
					h.Fatalf("unexpected status %+v", st)
				}
				delete(alive, st.Pid)
			}
		}
		for range n {
			pid, client := h.start(p, "")
			client.Close()
			alive[pid] = true
			reap(20)
		}
		reap(0)
		h.Settle(time.Second)
		if got := descriptors(); got > fds { // earlier tests may have closed theirs meanwhile
			h.Errorf("%d descriptors after, %d before", got, fds)
		}
		if got := threads(); got > threadsBefore+5 {
			h.Errorf("%d threads after, %d before", got, threadsBefore)
		}
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
			h.Errorf("children are left: %v", err)
		}
	})
}

func threads() int     { return entries("/proc/self/task") }
func descriptors() int { return entries("/proc/self/fd") }

func entries(dir string) int {
	e, _ := os.ReadDir(dir)
	return len(e)
}

// The arguments and environment of a child that has not executed yet are on
// Go's heap: they must survive any amount of garbage collection.
func TestSpawnWhileCollectingGarbage(t *testing.T) {
	var stop atomic.Bool
	defer stop.Store(true)
	for range 2 {
		go func() {
			var keep [][]byte
			for !stop.Load() {
				keep = append(keep, make([]byte, 10_000))
				if len(keep) > 200 {
					keep = nil
					runtime.GC()
				}
			}
		}()
	}
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	bothWays(t, func(h harness) {
		for i := range rounds {
			h.crowded = i%2 == 1
			arg, env := fmt.Sprintf("argument-%d", i), fmt.Sprintf("VALUE=%d", i)
			p := h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", `echo "$1 $VALUE $PEER"`, "sh", arg}, Env: []string{env}})
			_, client := h.start(p, fmt.Sprintf("PEER=%d\x00", i))
			h.await() // meanwhile the start alone keeps p
			got, _ := io.ReadAll(client)
			client.Close()
			if want := fmt.Sprintf("%s %d %d\n", arg, i, i); string(got) != want {
				h.Fatalf("round %d: %q, want %q", i, got, want)
			}
		}
	})
}

// hang makes a child of p stop for ever before its exec.
func hang(p *Program) {
	for m := range p.scripts {
		sc := &p.scripts[m]
		last := len(sc.calls) - 1
		sc.calls = slices.Insert(sc.calls, last, call{nr: unix.SYS_PPOLL})
		sc.stages = slices.Insert(sc.stages, last, Exec)
	}
}

// TestSignalBeforeExec: a signal ends a child that has not executed its program yet.
// The handlers of Go's runtime, which shares its memory, do not run in it.
func TestSignalBeforeExec(t *testing.T) {
	h := cloning(t)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGUSR1)
	defer signal.Stop(caught)
	stuck := h.prepare(Command{Argv: []string{"t-exit"}})
	hang(stuck)
	pid, client := h.start(stuck, "")
	defer client.Close()
	if h.Settle(10 * time.Second) {
		t.Error("the child does not get to its last call")
	}
	syscall.Kill(pid, syscall.SIGUSR1)
	if st := h.await(); st.Pid != pid || !st.Wait.Signaled() || st.Wait.Signal() != syscall.SIGUSR1 {
		t.Errorf("%+v, want the end of %d by SIGUSR1", st, pid)
	}
	select {
	case <-caught:
		t.Error("the signal of the child was caught here")
	default:
	}
}

func TestHangBeforeExecHoldsUpNothing(t *testing.T) {
	h := cloning(t)
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		stuck := h.prepare(Command{Argv: []string{"t-exit"}})
		hang(stuck)
		var pids []int
		for range 3 * chunk {
			pid, client := h.start(stuck, "")
			defer client.Close()
			pids = append(pids, pid)
		}
		if h.Settle(10 * time.Second) {
			t.Error("a stuck child keeps the daemon's descriptor open")
		}
		runtime.GC()
		if got := h.output("echo", "on"); got != "on\n" {
			t.Errorf("beside stuck children, echo says %q", got)
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		for range pids {
			if st := h.await(); st.Wait.Signal() != syscall.SIGKILL || !slices.Contains(pids, st.Pid) {
				t.Fatalf("status %+v, want SIGKILL", st)
			}
		}
	}
}

// A stuck child shares the daemon's memory but may hold no client's connection
// other than its own: that client would never see the end.
func TestHangBeforeExecHoldsNoOtherConnection(t *testing.T) {
	h := cloning(t)
	for _, tt := range []struct {
		name           string
		crowded, above bool
	}{
		{"low", false, false},
		{"above", false, true},
		{"crowded", true, false},
		{"crowded above", true, true},
	} {
		h.crowded, h.above = tt.crowded, false
		other, client := h.connect()
		if tt.above {
			high, err := unix.FcntlInt(uintptr(other), unix.F_DUPFD_CLOEXEC, h.Wake()+1)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(other)
			other = high
		}
		h.Note(other)
		stuck := h.prepare(Command{Argv: []string{"t-exit"}})
		hang(stuck)
		pid, _ := h.start(stuck, "")
		h.awaitCall(pid)
		unix.Close(other)
		if !readable(client, 30*time.Second) {
			t.Errorf("%s: the client never sees the end", tt.name)
		} else if b, err := io.ReadAll(client); err != nil || len(b) > 0 {
			t.Errorf("%s: read %q, %v, want the end", tt.name, b, err)
		}
		syscall.Kill(pid, syscall.SIGKILL)
		h.await()
	}
}

// readable waits for something to read on a file, or its end.
func readable(f *os.File, wait time.Duration) bool {
	p := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); {
		if n, _ := unix.Poll(p, 100); n > 0 {
			return true
		}
	}
	return false
}

// awaitCall waits until the hanging child has come to its last call.
func (h harness) awaitCall(pid int) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		h.Settle(time.Millisecond)
		for _, st := range h.busy {
			if st.pid == pid && int(atomic.LoadUint32(&st.slot.done)) == len(st.script.calls)-2 {
				return
			}
		}
	}
	syscall.Kill(pid, syscall.SIGKILL)
	h.Fatal("the child never came to its last call")
}

// Between setuid and exec the child has the user's identity and the daemon's
// memory: the user must not be able to read it.
func TestMemoryNotReadableByTheUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h := cloning(t)
	nobody := &Credential{UID: 65534, GID: 65534, Groups: []uint32{65534}}
	stuck := h.prepare(Command{Argv: []string{"t-exit"}, Cred: nobody})
	hang(stuck)
	pid, client := h.start(stuck, "")
	defer client.Close()
	h.awaitCall(pid)
	for _, file := range []string{"mem", "environ", "auxv"} {
		path := fmt.Sprintf("/proc/%d/%s", pid, file)
		p := h.prepare(Command{Path: "/bin/dd", Argv: []string{"dd", "if=" + path, "count=1", "status=none"}, Cred: nobody})
		reader, out := h.start(p, "")
		st := h.await()
		said, _ := io.ReadAll(out)
		out.Close()
		if st.Pid != reader || st.Wait.ExitStatus() == 0 || !strings.Contains(string(said), "Permission denied") {
			t.Errorf("the user can read %s: %+v %q", path, st, said)
		}
	}
	syscall.Kill(pid, syscall.SIGKILL)
	h.await()
}

func TestPrepareRefusesNUL(t *testing.T) {
	s := newHarness(t, New)
	for _, c := range []Command{{Path: "/x\x00"}, {Path: "/x", Argv: []string{"\x00"}}, {Path: "/x", Argv: []string{"x"}, Env: []string{"A=\x00"}}} {
		if _, err := s.tryPrepare(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	s, err := New()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	g, err := harness{Starter: s}.tryPrepare(Command{Path: "/bin/true", Argv: []string{"true"}})
	if err != nil {
		b.Fatal(err)
	}
	extra := []byte("PROTO=TCP\x00TCPREMOTEIP=127.0.0.1\x00")
	b.ReportAllocs()
	for b.Loop() {
		fd, err := unix.Dup(0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Start(g, fd, NoStderr, extra); err != nil {
			b.Fatal(err)
		}
		for alive := true; alive; {
			s.Settle(time.Millisecond)
			_, reaped := s.Reap()
			alive = !reaped
		}
	}
}

// TestKeep: a descriptor that stays open leaves the low numbers when they get scarce, and
// children close it when it is above those that every child closes.
func TestKeep(t *testing.T) {
	for _, tt := range []struct {
		name    string
		crowded bool
		fd      int // or the next that is free
		moves   bool
		above   bool
	}{
		{"one that others need", false, 20, true, false},
		{"high enough", false, 40, false, false},
		{"beyond what children close", false, 100, false, true},
		{"in a crowd", true, 40, true, true},
		{"low in a crowd", true, 20, false, false},
	} {
		h := newHarness(t, New)
		h.crowded = tt.crowded
		fd, err := unix.FcntlInt(uintptr(h.Wake()), unix.F_DUPFD_CLOEXEC, tt.fd)
		if err != nil {
			t.Fatal(err)
		}
		got := h.Keep(fd)
		if moved := got != fd; moved != tt.moves || moved && got < h.Floor() || h.above != tt.above {
			t.Errorf("%s: %d has become %d, floor %d, above %v", tt.name, fd, got, h.Floor(), h.above)
		}
		if flags, err := unix.FcntlInt(uintptr(got), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: descriptor flags %#x, %v", tt.name, flags, err)
		}
		unix.Close(got)
	}
}
