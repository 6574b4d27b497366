package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/freeport"
)

// demandEntry is a service whose server echoes and is ended as soon as it has no client.
func demandEntry(t *testing.T) (at, text string) {
	t.Helper()
	if clone3, err := haveClone3(); !clone3 {
		t.Skip("no clone3: ", err)
	}
	server, err := exec.LookPath("t-demand")
	if err != nil {
		t.Fatal(err)
	}
	var ports [2]int
	for i := range ports {
		if ports[i], err = freeport.Claim(); err != nil {
			t.Fatal(err)
		}
	}
	at, place := fmt.Sprint("127.0.0.1:", ports[0]), fmt.Sprint("127.0.0.1:", ports[1])
	return at, fmt.Sprintf("%s on protocol = tcp4, user = -, exec = %s, args = t-demand echo %s 0s, connect = %[3]s, idle_time = 1ms;\n", at, server, place)
}

// echoed has a client say something and wait for its echo.
func echoed(at, text string) error {
	conn, err := net.Dial("tcp4", at)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(conn, b); string(b) != text {
		return fmt.Errorf("%q, %w", b, err)
	}
	return nil
}

// TestDemandCycles: a server is ended when its client goes, and a client that comes at any
// moment of its end is served. INETD_CYCLES is the number of cycles.
func TestDemandCycles(t *testing.T) {
	t.Parallel()
	cycles, err := strconv.Atoi(os.Getenv("INETD_CYCLES"))
	if err != nil {
		cycles = 20
	}
	at, text := demandEntry(t)
	life, err := newLifeline(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer life.l.Close()
	conf := filepath.Join(t.TempDir(), "inetd.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("inetd", "-f", "-e", "--pidfile=", conf)
	cmd.Stderr, cmd.Env = w, append(os.Environ(), lifelineEnv+"="+life.name)
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	log := newTranscript(r)
	if _, err := log.find(regexp.MustCompile("serving 1 service")); err != nil {
		t.Fatal(err)
	}
	const longest = 40 * time.Millisecond // a whole cycle where nothing else runs
	lost := 0
	for i := range cycles {
		time.Sleep(rand.N(longest)) // the moment
		if err := echoed(at, fmt.Sprint("client ", i)); err != nil {
			lost++
			t.Errorf("client %d of %d: %v", i, cycles, err)
		}
	}
	ready := strings.Count(log.text(), " is ready after ")
	t.Logf("%d clients, %d lost; the server was started %d times", cycles, lost, ready)
	if ready < 2 {
		t.Errorf("the server was started %d times: %s", ready, log.text())
	}
	if t.Failed() {
		t.Log(log.text())
	}
}

// TestDemandUntouched: the daemon, which may be root, reads and writes no byte of a client
// that is passed on. The server does, which proves that the trace would show it.
func TestDemandUntouched(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	at, text := demandEntry(t)
	_, trace, log, end := startTraced(t, t.TempDir(), text, "-s", "100", "--seccomp-bpf", "-e", "trace=%desc,%network,%process,setsid")
	const secret = "only the server may know this"
	if err := echoed(at, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := log.find(regexp.MustCompile("its idle_time, and is ended")); err != nil { // strace waits for the server
		t.Fatal(err)
	}
	end()
	out, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	ofChild := descendants(string(out))
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, secret) {
			continue
		}
		told++
		if pid, _, _ := strings.Cut(line, " "); !ofChild(pid) {
			t.Errorf("the daemon: %s", line)
		}
	}
	if told == 0 {
		t.Error("the server has not read it either")
	}
}

// descendants returns a function that tells which processes and threads in the output of
// strace belong to children of the daemon.
func descendants(out string) func(pid string) bool {
	children, parents := childrenIn(out), map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +.*\bclone3?\b.* = (\d+)$`).FindAllStringSubmatch(out, -1) {
		parents[m[2]] = m[1]
	}
	return func(pid string) bool {
		for ; pid != ""; pid = parents[pid] {
			if children[pid] {
				return true
			}
		}
		return false
	}
}
