package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// host stands for another machine: a thread in a network namespace of its own, and the
// processes that it starts.
type host struct {
	work chan func()
	tid  int
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{work: make(chan func())}
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		h.tid = syscall.Gettid()
		entered <- unix.Unshare(unix.CLONE_NEWNET)
		for job := range h.work {
			job()
		}
	}()
	if err := <-entered; err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	t.Cleanup(func() { close(h.work) })
	h.ip(t, "link set lo up")
	return h
}

// do runs job on the host.
func (h *host) do(job func()) {
	done := make(chan struct{})
	h.work <- func() {
		defer close(done)
		job()
	}
	<-done
}

func (h *host) ip(t *testing.T, format string, args ...any) {
	t.Helper()
	var out []byte
	var err error
	text := fmt.Sprintf(format, args...)
	h.do(func() { out, err = exec.Command("ip", strings.Fields(text)...).CombinedOutput() })
	if err != nil {
		t.Fatalf("ip %s: %v: %s", text, err, out)
	}
}

// start starts a program on the host. It ends with the test.
func (h *host) start(t *testing.T, name string, args ...string) (pid int, log *transcript) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = w, w
	h.do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid, newTranscript(r)
}

// farm is HAProxy before two daemons, each on a host of its own. Clients are on the
// host of HAProxy, with addresses of their own.
type farm struct {
	*testing.T
	front *host
	pid   map[string]int
	log   map[string]*transcript
	conf  map[string]string // files
}

const (
	farmConf = `7000 on protocol = tcp4, wait = no, user = -, exec = /bin/sh, args = sh -c "echo NODE $REMOTE_ADDR; exec cat", proxy = 10.77.NET.1, service_max = 0;
`
	haproxyConf = `defaults
  mode tcp
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  retries 3
  option redispatch 1
listen service
  bind 10.99.0.254:7000
  balance leastconn
  server one 10.77.1.2:7000 SEND
  server two 10.77.2.2:7000 SEND
`
	farmClients = 8 // from 10.99.0.1 on
)

func newFarm(t *testing.T, send string) *farm {
	f := &farm{T: t, front: newHost(t), pid: map[string]int{}, log: map[string]*transcript{}, conf: map[string]string{}}
	for i := range farmClients {
		f.front.ip(t, "addr add 10.99.0.%d/32 dev lo", 1+i)
	}
	f.front.ip(t, "addr add 10.99.0.254/32 dev lo")
	dir := t.TempDir()
	for i, name := range []string{"one", "two"} {
		node := newHost(t)
		f.front.ip(t, "link add v%d type veth peer name net0 netns /proc/%d/task/%d/ns/net", i, os.Getpid(), node.tid)
		f.front.ip(t, "addr add 10.77.%d.1/24 dev v%d", 1+i, i)
		f.front.ip(t, "link set v%d up", i)
		node.ip(t, "addr add 10.77.%d.2/24 dev net0", 1+i)
		node.ip(t, "link set net0 up")
		f.conf[name] = filepath.Join(dir, name+".conf")
		f.configure(name, i)
		f.pid[name], f.log[name] = node.start(t, "inetd", "-f", "-e", "--pidfile=", "--log-connections", f.conf[name])
		f.await(name, `: serving 1 service\n`)
	}
	config := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(haproxyConf, "SEND", send)), 0o644); err != nil {
		t.Fatal(err)
	}
	f.front.start(t, "haproxy", "-db", "-f", config)
	return f
}

// configure writes the file of a daemon.
func (f *farm) configure(name string, i int, more ...string) {
	text := strings.NewReplacer("NODE", name, "NET", fmt.Sprint(1+i)).Replace(farmConf) + strings.Join(more, "\n")
	if err := os.WriteFile(f.conf[name], []byte(text), 0o644); err != nil {
		f.Fatal(err)
	}
}

func (f *farm) await(name, pattern string) {
	f.Helper()
	if _, err := f.log[name].find(regexp.MustCompile(pattern)); err != nil {
		text := f.log[name].text()
		f.Fatalf("%s: %s: %v in\n%s", name, pattern, err, text[max(0, len(text)-2000):])
	}
}

// dial connects as a client to HAProxy, and returns which daemon greets it as node.
func (f *farm) dial(client int) (c net.Conn, in *bufio.Reader, node string, err error) {
	from := netip.AddrFrom4([4]byte{10, 99, 0, byte(1 + client)})
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	f.front.do(func() { c, err = d.Dial("tcp4", "10.99.0.254:7000") })
	if err != nil {
		return nil, nil, "", err
	}
	c.SetDeadline(time.Now().Add(patience))
	in = bufio.NewReader(c)
	line, err := in.ReadString('\n')
	node, who, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if err == nil && who != from.String() {
		err = fmt.Errorf("%s was taken for %s", from, who)
	}
	if err != nil {
		c.Close()
		return nil, nil, "", err
	}
	return c, in, node, nil
}

// visit is one client: it is greeted, and gets its own bytes back.
func (f *farm) visit(client int) (node string, err error) {
	c, in, node, err := f.dial(client)
	if err != nil {
		return "", err
	}
	defer c.Close()
	const text = "PROXY me not\r\n"
	io.WriteString(c, text)
	c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(in); err != nil || string(rest) != text {
		return "", fmt.Errorf("echo %q, %v", rest, err)
	}
	return node, nil
}

// load has clients come without end until stop is called, which returns how many
// failed. served counts those that each daemon has served.
func (f *farm) load() (served map[string]*atomic.Int64, stop func() (failed []error)) {
	served = map[string]*atomic.Int64{"one": {}, "two": {}}
	var over atomic.Bool
	var mu sync.Mutex
	var failed []error
	var wg sync.WaitGroup
	for client := range farmClients {
		wg.Go(func() {
			for !over.Load() {
				node, err := f.visit(client)
				if err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
					continue
				}
				served[node].Add(1)
			}
		})
	}
	return served, func() []error {
		over.Store(true)
		wg.Wait()
		return failed
	}
}

// reach waits until a daemon has served that many more clients.
func (f *farm) reach(n *atomic.Int64, more int64) {
	f.Helper()
	want := n.Load() + more
	for deadline := time.Now().Add(patience); n.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("%d served, want %d", n.Load(), want)
		}
	}
}

// TestHAProxy: HAProxy gives each client to the one of two daemons that has the fewest
// connections. The daemons see who the clients are. A reload of one under load costs no
// client, and when one is killed the other serves all clients.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, program := range []string{"haproxy", "ip"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	for version, send := range map[string]string{"v1": "send-proxy", "v2": "send-proxy-v2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, send)
			f.fewest()
			served, stop := f.load()
			f.reach(served["one"], 20)
			f.reach(served["two"], 20)
			for _, line := range []string{"", "# changed\n"} {
				f.configure("one", 0, line)
				if err := unix.Kill(f.pid["one"], unix.SIGHUP); err != nil {
					t.Fatal(err)
				}
				f.await("one", `: configuration reloaded: .*\n`)
				f.reach(served["one"], 10)
			}
			if failed := stop(); len(failed) > 0 {
				t.Fatalf("%d clients failed through reloads: %v", len(failed), failed[0])
			}
			for _, name := range []string{"one", "two"} {
				f.await(name, `: connection from 10\.99\.0\.[1-8]:[0-9]+ by proxy 10\.77\.[12]\.1:[0-9]+, pid [0-9]+\n`)
			}
			f.kill()
		})
	}
}

// fewest holds connections and wants them to be shared evenly.
func (f *farm) fewest() {
	f.Helper()
	for deadline := time.Now().Add(patience); ; { // HAProxy starts
		if _, err := f.visit(0); err == nil {
			break
		}
		if time.Now().After(deadline) {
			f.Fatal("HAProxy does not start")
		}
		time.Sleep(10 * time.Millisecond)
	}
	nodes := map[string]int{}
	for client := range 6 {
		c, _, node, err := f.dial(client)
		if err != nil {
			f.Fatal(err)
		}
		defer c.Close()
		nodes[node]++
	}
	if nodes["one"] != 3 || nodes["two"] != 3 {
		f.Errorf("connections %v", nodes)
	}
}

// kill kills a daemon under load. Clients that it had accepted or queued fail, and no
// others after that.
func (f *farm) kill() {
	f.Helper()
	served, stop := f.load()
	f.reach(served["two"], 20)
	if err := unix.Kill(f.pid["two"], unix.SIGKILL); err != nil {
		f.Fatal(err)
	}
	f.reach(served["one"], 50)
	if failed := stop(); len(failed) > farmClients {
		f.Errorf("%d clients failed when a daemon was killed: %v", len(failed), failed)
	}
	for client := range farmClients {
		if node, err := f.visit(client); err != nil || node != "one" {
			f.Errorf("served by %q, %v", node, err)
		}
	}
}
