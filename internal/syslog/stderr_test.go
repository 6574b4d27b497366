package syslog

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVar makes the test binary play a part of a test in a process of its own.
const roleVar = "SYSLOG_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "":
		os.Setenv("GORACE", "atexit_sleep_ms=0") // a program with -race would end a second late
		os.Exit(m.Run())
	case "closed-stderr":
		logToClosedStderr()
	case "mounts":
		useDevLog()
	}
}

// role returns this test binary as a command that plays a part.
func role(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+name)
	return cmd
}

func logToClosedStderr() {
	l := New(Options{Ident: "inetd", Target: Stderr, Stderr: os.Stderr})
	for range 10 {
		l.Errorf("nobody reads this")
	}
	l.Close(time.Minute)
	fmt.Println("alive")
}

// Package os kills a process that writes to a standard error which nobody
// reads any more.
func TestClosedStderr(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := role(t, "closed-stderr")
	cmd.Stderr = w
	out, err := cmd.Output()
	if err != nil || string(out) != "alive\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// A standard error that somebody made non-blocking gets every byte.
func TestNonblockingStderr(t *testing.T) {
	t.Parallel()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(p[0]), "r"), os.NewFile(uintptr(p[1]), "w")
	defer r.Close()
	defer w.Close()
	if err := unix.SetNonblock(p[1], true); err != nil {
		t.Fatal(err)
	}
	l := New(Options{Ident: "inetd", Target: Stderr, Stderr: w})
	const lines = 100 // ten times what a pipe holds
	for range lines {
		l.Errorf("%s", strings.Repeat("x", lineLimit))
	}
	read := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(r)
		read <- b
	}()
	l.Close(time.Minute)
	w.Close()
	want := bytes.Repeat(fmt.Appendf(nil, "inetd[%d]: %s\n", os.Getpid(), strings.Repeat("x", lineLimit)), lines)
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("%d bytes arrived of %d", len(got), len(want))
	}
}
