package misfit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/examine"
	"inetd/internal/sock/socktest"
	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// connection returns a TCP connection and a copy of its server's descriptor.
func connection(t *testing.T) (client, server *net.TCPConn, fd *os.File) {
	t.Helper()
	client, conn := socktest.Connection(t)
	fd = os.NewFile(uintptr(conn), "server")
	t.Cleanup(func() { fd.Close() })
	c, err := net.FileConn(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client, c.(*net.TCPConn), fd
}

// await waits until a connection is idle or not.
func await(t *testing.T, fd *os.File, want bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); Idle(int(fd.Fd())) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not %v", want)
		}
	}
}

// A connection is idle until the server has read or written something, or the client
// has closed.
func TestIdle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(client, server *net.TCPConn)
	}{
		{"read", func(c, s *net.TCPConn) { s.Read(make([]byte, 1)) }},
		{"written", func(c, s *net.TCPConn) { s.Write([]byte("x")) }},
		{"closed", func(c, s *net.TCPConn) { c.Close() }},
		{"half closed", func(c, s *net.TCPConn) { c.CloseWrite() }},
	} {
		client, server, fd := connection(t)
		await(t, fd, true)
		client.Write([]byte("hello"))
		if !Idle(int(fd.Fd())) {
			t.Errorf("%s: not idle before", tt.name)
		}
		tt.do(client, server)
		await(t, fd, false)
	}
	if Idle(0) {
		t.Error("what is no connection is idle")
	}
}

// A connection is deserted when no process but this one has it.
func TestDeserted(t *testing.T) {
	t.Parallel()
	_, _, fd := connection(t)
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{fd}
	end, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if Deserted(int(fd.Fd()), os.Getpid()) {
		t.Error("deserted while another process has it")
	}
	end.Close()
	cmd.Wait()
	for deadline := time.Now().Add(20 * time.Second); !Deserted(int(fd.Fd()), os.Getpid()); { // a fork of another test may have it
		if time.Now().After(deadline) {
			t.Fatal("not deserted")
		}
	}
}

// sleeper returns a program that no other process of this machine runs.
func sleeper(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sleep")
	// A file that this process has written may be busy: a child holds it until its exec.
	if out, err := exec.Command("cp", "/bin/sleep", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// A process with the same program counts if it was begun since and its parent has ended,
// as when a server goes into the background.
func TestBackground(t *testing.T) {
	t.Parallel()
	path, begun := sleeper(t), time.Now()
	cmd := exec.Command("/bin/sh", "-c", path+" 1000 >/dev/null 2>&1 & echo $!")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(orphan, syscall.SIGKILL)
	awaitProgram(t, orphan, path)
	if pid := Background(path, begun); pid != orphan {
		t.Errorf("process %d, want %d", pid, orphan)
	}
	if pid := Background(path, time.Now().Add(time.Hour)); pid != 0 {
		t.Errorf("process %d was begun before", pid)
	}
}

// TestBackgroundOfOthers: a process that somebody else has started is not blamed, though
// it has the same program.
func TestBackgroundOfOthers(t *testing.T) {
	t.Parallel()
	path, begun := sleeper(t), time.Now()
	for name, argv := range map[string][]string{
		"a child":                    {path, "1000"},
		"the child of another child": {"/bin/sh", "-c", path + " 1000 & read x"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitProgramOf(t, cmd.Process.Pid, path)
		if pid := Background(path, begun); pid != 0 {
			t.Errorf("%s: process %d is blamed", name, pid)
		}
		for _, pid := range sockdiag.Processes() { // before its parent ends
			if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); exe == path {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		stdin.Close()
		cmd.Wait()
	}
}

// awaitProgram waits until a process runs a program.
func awaitProgram(t *testing.T, pid int, path string) {
	t.Helper()
	awaitTrue(t, func() bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return exe == path
	})
}

// awaitProgramOf waits until a process or one in its session runs a program.
func awaitProgramOf(t *testing.T, session int, path string) {
	t.Helper()
	awaitTrue(t, func() bool {
		return slices.ContainsFunc(sockdiag.Processes(), func(pid int) bool {
			exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
			sid, _ := unix.Getsid(pid)
			return exe == path && sid == session
		})
	})
}

func awaitTrue(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// A process listens at a port that was asked for, not at one that the kernel has chosen.
func TestListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.9:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if port := Listens(os.Getpid()); port != "" {
		t.Errorf("%s was chosen by the kernel", port)
	}
	for port := firstChosen() - 1; port > 1024; port-- {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9), Port: port})
		if err != nil {
			continue
		}
		defer l.Close()
		if got := Listens(os.Getpid()); got == "" {
			t.Errorf("nothing at %d", port)
		}
		return
	}
	t.Fatal("no port is free")
}

func TestShell(t *testing.T) {
	script := func(t *testing.T, line string) string {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(line+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}

	t.Parallel()
	for _, tt := range []struct {
		path   string
		status int
		want   string
	}{
		{"/bin/sh", 127, "does not find a command"},
		{script(t, "#!/bin/sh -e"), 127, "does not find a command"},
		{script(t, "#!/usr/bin/env python9"), 127, "/usr/bin/env does not find python9; its PATH is that of the daemon"},
		{"/bin/cat", 127, "cannot load a library"},
		{"/bin/sh", 126, "may not execute a command"},
		{"/nonexistent", 127, "No such file"},
	} {
		if got := Shell(tt.path, tt.status, examine.User{}); !strings.Contains(got, tt.want) {
			t.Errorf("%s, %d: %q, want %q", tt.path, tt.status, got, tt.want)
		}
	}
}

// The advice to use wait is given for programs that may accept, and for those of which
// that is not known.
func TestFailing(t *testing.T) {
	t.Parallel()
	if got := Failing("/bin/cat"); got != "" {
		t.Errorf("cat: %q", got)
	}
	if got := Failing("/nonexistent"); !strings.Contains(got, "needs wait") {
		t.Errorf("a program that is not known: %q", got)
	}
}
