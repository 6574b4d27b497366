package misfit

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inetd/internal/examine"
)

// connection is a TCP connection and a copy of its server's descriptor.
func connection(t *testing.T) (client, server *net.TCPConn, fd *os.File) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server = c.(*net.TCPConn), a.(*net.TCPConn)
	if fd, err = server.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close(); fd.Close() })
	return client, server, fd
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

// A process with the same program counts if it was begun since, and is not the child
// of who asks.
func TestBackground(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if pid := Background("/bin/sleep", begun, 1); pid == 0 {
		t.Error("not found")
	}
	if pid := Background("/bin/sleep", time.Now().Add(time.Hour), 1); pid != 0 {
		t.Errorf("process %d was begun before", pid)
	}
	if pid := Background("/bin/sleep", begun, os.Getpid()); pid == cmd.Process.Pid {
		t.Error("a child was found")
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

// Advice to use wait is given of programs that may accept, and of those of which that
// is not known.
func TestFailing(t *testing.T) {
	t.Parallel()
	if got := Failing("/bin/cat"); got != "" {
		t.Errorf("cat: %q", got)
	}
	if got := Failing("/nonexistent"); !strings.Contains(got, "needs wait") {
		t.Errorf("a program that is not known: %q", got)
	}
}
