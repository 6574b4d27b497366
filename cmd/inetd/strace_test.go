package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// sometimes are the calls of the daemon that do not belong to one connection: how
// many there are is a matter of time. read and close are among them for the mailbox
// and pidfds.
var sometimes = []string{
	"clock_gettime", "close", "epoll_ctl", "epoll_pwait", "futex", "getpid", "gettid", "madvise", "mmap", "munmap", "nanosleep",
	"pidfd_open", "read", "restart_syscall", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "tgkill", "wait4", "write", "exit", "clone",
}

// TestCallsOfConnection: a connection costs the daemon three system calls of its own,
// as it always did, whether its entry asks for bounds or not. What the bounds cost the
// new process is tested in package child.
func TestCallsOfConnection(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	if clone3, err := haveClone3(); !clone3 {
		t.Skip("no clone3: ", err)
	}
	for name, keys := range map[string]string{
		"plain":       "sndbuf = 16k", // of the listening socket
		"five bounds": "rlimit_as = 1g, rlimit_nofile = 64, nice = 1, umask = 077, no_new_privs = yes",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const connections = 10
			var got []string
			for _, call := range traced(t, keys, connections) {
				if !slices.Contains(sometimes, call) {
					got = append(got, call)
				}
			}
			want := slices.Repeat([]string{"accept4", "getsockname", "clone3"}, connections)
			if !slices.Equal(got, want) {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// traced is the calls that a daemon has made for some connections that follow each
// other, from the first of them on.
func traced(t *testing.T, keys string, connections int) (calls []string) {
	t.Helper()
	dir := t.TempDir()
	port, err := claimPort()
	if err != nil {
		t.Fatal(err)
	}
	conf, trace := filepath.Join(dir, "inetd.conf"), filepath.Join(dir, "trace")
	at := fmt.Sprintf("127.0.0.1:%d", port)
	text := at + " on protocol = tcp4, wait = no, user = -, exec = /bin/true, " + keys + ";\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("strace", "-f", "-o", trace, "inetd", "-f", "-e", "--pidfile=", conf)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	log := newTranscript(r)
	started, err := log.find(regexp.MustCompile(`inetd\[[0-9]+\]: serving 1 service\n`))
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if strings.Contains(log.text(), "ptrace") {
			t.Skip(log.text())
		}
		t.Fatalf("%v in %s", err, log.text())
	}
	var pid int
	fmt.Sscanf(started[strings.LastIndex(started, "inetd["):], "inetd[%d", &pid)
	end := sync.OnceFunc(func() {
		_ = unix.Kill(pid, unix.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(end)
	for range connections {
		c, err := net.Dial("tcp4", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("/bin/true says something")
		}
		c.Close()
	}
	end()
	out, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return ofDaemon(string(out))
}

// ofDaemon are the calls in the output of strace from the first accepted connection
// to the signal that ends the daemon, without those of children, which have sessions
// of their own.
func ofDaemon(out string) (calls []string) {
	out, _, _ = strings.Cut(out, "--- SIGTERM")
	children := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +setsid\(`).FindAllStringSubmatch(out, -1) {
		children[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +([a-z_0-9]+)\((.*)$`).FindAllStringSubmatch(out, -1) {
		if !children[m[1]] && (len(calls) > 0 || m[2] == "accept4" && !strings.Contains(m[3], " = -1 ")) {
			calls = append(calls, m[2])
		}
	}
	return calls
}
