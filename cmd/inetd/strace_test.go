package main

import (
	"fmt"
	"inetd/internal/freeport"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// callsOfConnections are the calls that are or could be made for a connection: those about
// sockets, descriptors and processes. What the daemon does from time to time, such as
// looking at the passwd file, makes none of them.
const callsOfConnections = "accept4|bind|clone3|connect|dup|dup2|dup3|fcntl|getpeername|getsockname|getsockopt|ioctl|prctl|prlimit64|recvfrom|recvmsg|sched_setaffinity|sendmsg|sendto|setpriority|setsockopt|shutdown|socket|socketpair|umask"

var ofConnections = regexp.MustCompile(`(?m)^(\d+) +(` + callsOfConnections + `)\((.*)$`)

// traceOfConnections has strace stop only at these calls, and at setsid, which marks
// children. A question mark lets strace accept a name that this machine may lack.
var traceOfConnections = "trace=?setsid,?" + strings.ReplaceAll(callsOfConnections, "|", ",?")

// TestCallsOfConnection: a connection costs the daemon three system calls of its own,
// whether its entry asks for bounds or not. What the bounds cost the new process is tested
// in package child.
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
			got := traced(t, keys, connections)
			want := map[string]int{"accept4": connections, "getsockname": connections, "clone3": connections}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// traced counts the calls that a daemon makes for some connections.
func traced(t *testing.T, keys string, connections int) (calls map[string]int) {
	t.Helper()
	dir := t.TempDir()
	port, err := freeport.Claim()
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	text := at + " on protocol = tcp4, wait = no, user = -, exec = /bin/true, " + keys + ";\n"
	pid, trace, _, end := startTraced(t, dir, text, "--seccomp-bpf", "-e", traceOfConnections)
	for n := range probed + connections {
		c, err := net.Dial("tcp4", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("/bin/true says something")
		}
		c.Close()
		if n < probed {
			awaitNoChildren(t, pid)
		}
	}
	end()
	out, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return ofDaemon(string(out))
}

// startTraced starts a daemon with one service under strace. It returns the daemon's
// process id, the file of the trace, the log, and a function that ends both.
func startTraced(t *testing.T, dir, text string, options ...string) (pid int, trace string, log *transcript, end func()) {
	t.Helper()
	conf, trace := filepath.Join(dir, "inetd.conf"), filepath.Join(dir, "trace")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("strace", append(options, "-f", "-o", trace, "inetd", "-f", "-e", "--pidfile=", conf)...)
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
	log = newTranscript(r)
	started, err := log.find(regexp.MustCompile(`inetd\[[0-9]+\]: serving 1 service\n`))
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if strings.Contains(log.text(), "ptrace") {
			t.Skip(log.text())
		}
		t.Fatalf("%v in %s", err, log.text())
	}
	fmt.Sscanf(started[strings.LastIndex(started, "inetd["):], "inetd[%d", &pid)
	end = sync.OnceFunc(func() {
		_ = unix.Kill(pid, unix.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(end)
	return pid, trace, log, end
}

// probed is how many connections of a service the daemon may look at: if a server ends
// within a moment, the next server is watched, and no other after that.
const probed = 2

func awaitNoChildren(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		list, err := children(pid)
		if err == nil && len(list) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("children %q, %v", list, err)
		}
	}
}

// ofDaemon counts calls in the output of strace, from the first connection that is not
// probed to the signal that ends the daemon, without the calls of children.
func ofDaemon(out string) map[string]int {
	out, _, _ = strings.Cut(out, "--- SIGTERM")
	children := childrenIn(out)
	calls, accepted := map[string]int{}, 0
	last := map[string]string{} // by thread: its last call, if that counts
	for line := range strings.Lines(out) {
		pid, _, _ := strings.Cut(line, " ")
		if m := ofConnections.FindStringSubmatch(line); m != nil {
			call, rest := m[2], m[3]
			rehearsal := call == "accept4" && strings.HasPrefix(rest, "-1, ")
			if call == "accept4" && !rehearsal {
				accepted++
			}
			last[pid] = ""
			switch {
			case children[pid], rehearsal, accepted <= probed:
			case call == "clone3" && strings.Contains(rest, "CLONE_THREAD"): // a thread of Go's runtime
			case call == "fcntl" && !strings.Contains(rest, "DUPFD"): // on a file that is read
			default:
				calls[call]++
				last[pid] = call
			}
		}
		if strings.Contains(line, " = ? ERESTART") && last[pid] != "" {
			calls[last[pid]]-- // a signal came first, and the kernel makes the call again
			last[pid] = ""
		}
	}
	return calls
}

// childrenIn returns the processes in the output of strace that have begun a session: those
// that the daemon has started, by process id.
func childrenIn(out string) map[string]bool {
	children := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +setsid\(`).FindAllStringSubmatch(out, -1) {
		children[m[1]] = true
	}
	return children
}
