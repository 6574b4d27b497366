package main

import (
	"fmt"
	"io"
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

	"inetd/internal/freeport"

	"golang.org/x/sys/unix"
)

// besiegers is how many processes attack the same source of events.
const besiegers = 4

// besieged is a source of events of the daemon, and how it is pushed as hard as possible.
type besieged struct {
	name    string
	conf    string
	args    []string // of the daemon
	how     string   // see besiege
	text    string
	targets []string // PORT, DIR: as in conf
}

// eachOf returns names of sockets, and a line of the configuration for each of them.
func eachOf(rest string) (targets []string, conf string) {
	for i := range 80 {
		name := fmt.Sprintf("@besieged-%d-%d", os.Getpid(), i)
		targets = append(targets, name)
		conf += name + " " + rest + "\n"
	}
	return targets, conf
}

func allBesieged() []besieged {
	const rpc = "100001/1 dgram rpc/udp4 wait - /bin/true\n"
	brief, briefs := eachOf("stream unix nowait.0 - internal daytime")
	_, talks := eachOf("stream unix nowait.0 - internal echo")
	_, starts := eachOf("stream unix nowait.0 - /bin/true")
	const mux = "127.0.0.1:PORT stream tcp4 nowait.0 - internal tcpmux\n127.0.0.1:tcpmux/+now stream tcp4 nowait.0 - internal daytime\n"
	at, control := []string{"127.0.0.1:PORT"}, []string{"DIR/inetd.sock"}
	return []besieged{
		{"accept", briefs, nil, "unix", "", brief},
		{"starts and ends of servers", starts, nil, "unix", "", brief},
		{"a limit on all servers", starts, []string{"--max-processes=2"}, "unix", "", brief},
		{"inquiries", starts, []string{"-l"}, "unix", "", brief},
		{"datagrams of builtins", "127.0.0.1:PORT dgram udp4 wait - internal chargen\n", nil, "udp", "x", at},
		{"datagrams of servers", "127.0.0.1:PORT dgram udp4 nowait.0 - /bin/dd dd bs=65536 count=1 status=none\n", nil, "udp", "x", at},
		{"datagrams that nobody reads", "127.0.0.1:PORT dgram udp4 nowait.0 - /bin/true\n", nil, "udp", "x", at},
		{"the mailbox", talks, nil, "unix", "x", brief},
		{"timers", starts + "* with max_time = 5s;\n", nil, "unix", "", brief},
		{"the watcher", "", []string{"--watch"}, "touch", "", []string{"DIR/inetd.conf"}},
		{"reloads over the control socket", "", nil, "unix", reloadRequest + "\n", control},
		{"questions over the control socket", briefs, nil, "unix", statusRequest + "\n", control},
		{"tcpmux", mux, nil, "tcp", "now\r\n", at},
		{"the registrar", rpc, nil, "unix", reloadRequest + "\n", control},
	}
}

// TestNeighbourByClock: under any attack, by processes of lower priority, a client of
// another service is served within 50 ms by the clock. This holds for the median, since a
// single client may wait for another process, and beyond what clients wait while nobody
// attacks. TestAttackNeighbour bounds what the daemon itself may use in every turn.
func TestNeighbourByClock(t *testing.T) {
	if os.Getenv(attackEnv) == "" {
		t.Skip("it takes long and needs a quiet machine: make check-attack")
	}
	for _, b := range allBesieged() {
		t.Run(strings.ReplaceAll(b.name, " ", "-"), b.run)
	}
}

func (b besieged) run(t *testing.T) {
	port, err := freeport.Claim()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	here := strings.NewReplacer("PORT", strconv.Itoa(port), "DIR", dir)
	neighbour := fmt.Sprintf("@neighbour-%d", os.Getpid())
	conf := "# \n" + neighbour + " stream unix nowait.0 - internal daytime\n" + here.Replace(b.conf)
	file := filepath.Join(dir, "inetd.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	b.serve(t, dir, append(b.args, file))
	for deadline := time.Now().Add(patience); visit(neighbour) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the daemon does not serve")
		}
	}
	calm := visits(t, neighbour)
	end := attackWith(t, append([]string{b.how, b.text}, strings.Fields(here.Replace(strings.Join(b.targets, " ")))...))
	took := visits(t, neighbour)
	pushes := end()
	half := len(took) / 2
	t.Logf("by the clock: %-34s median %-10v 90 %% %-10v worst %-10v calm %-10v %d attacks",
		b.name, took[half], took[len(took)*9/10], took[len(took)-1], calm[half], pushes)
	if pushes == 0 || took[half] > 50*time.Millisecond+calm[half] {
		t.Errorf("after %d attacks the neighbour waits %v, and %v without", pushes, took[half], calm[half])
	}
}

// serve runs a daemon until the end of the test.
func (b besieged) serve(t *testing.T, dir string, args []string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("inetd", append([]string{"-f", "-e", "-R", "0", "-p", filepath.Join(dir, "inetd.pid")}, args...)...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the daemon has ended: %v", err)
		}
	})
}

// visit is a client of the neighbour.
func visit(path string) error {
	c, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(c)
	if err == nil && len(text) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// visits returns how long each of many clients has taken, the fastest first.
func visits(t *testing.T, path string) (took []time.Duration) {
	t.Helper()
	for range 500 {
		begin := time.Now()
		if err := visit(path); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
		time.Sleep(time.Millisecond)
	}
	slices.Sort(took)
	return took
}

// attackWith starts processes that attack, and returns when each has begun. end ends
// them and returns how often they have attacked.
func attackWith(t *testing.T, args []string) (end func() (attacks int)) {
	t.Helper()
	var waits []func() string
	for range besiegers {
		cmd := exec.Command("t-besiege", args...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, func() string {
			in.Close()
			text, _ := io.ReadAll(out)
			_ = cmd.Wait()
			return string(text)
		})
	}
	return func() (attacks int) {
		for _, wait := range waits {
			n, _ := strconv.Atoi(wait())
			attacks += n
		}
		return attacks
	}
}

// besiege attacks until its standard input ends, and prints how often it has: HOW TEXT
// TARGET.... By "unix" and "tcp" it connects to one target after the other, sends text
// and waits for the end; by "udp" it sends text and waits for nothing; by "touch" it
// changes a byte of a file.
func besiege() {
	const lowered = "INETD_TEST_LOWERED"
	if os.Getenv(lowered) == "" { // each thread has its own priority: after the exec this is the only thread
		exitOn(unix.Setpriority(unix.PRIO_PROCESS, 0, 19))
		exitOn(syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), lowered+"=1")))
	}
	over := make(chan bool)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	how, text, targets := os.Args[1], os.Args[2], os.Args[3:]
	for n := 0; ; n++ {
		select {
		case <-over:
			fmt.Print(n)
			return
		default:
		}
		if n == 1 {
			fmt.Print("+")
		}
		attackOnce(how, text, targets[n%len(targets)], n)
	}
}

func attackOnce(how, text, target string, n int) {
	if how == "touch" {
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		exitOn(err)
		_, err = f.WriteAt([]byte{"ab"[n%2]}, 1)
		exitOn(err)
		f.Close()
		return
	}
	c, err := net.DialTimeout(how, target, patience)
	if err != nil {
		return // the queue is full
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if how == "udp" {
		for range 500 {
			_, _ = io.WriteString(c, text)
		}
		return
	}
	_, _ = io.WriteString(c, text)
	if !strings.HasSuffix(text, "\n") {
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
	}
	_, _ = io.Copy(io.Discard, c)
}
