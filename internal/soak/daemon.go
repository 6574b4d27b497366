package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is the inetd under test.
type daemon struct {
	program, dir  string
	cmd           *exec.Cmd
	ended         chan error
	log           *syslogd
	program300001 string // where the RPC program listens; "": not known yet
	ports         []int  // free ones: first for the services that stay, then for those that come and go
}

// The services that stay have the first ports; those that come and go have the others.
const (
	fixedPorts  = 8
	movingPorts = 12
)

func start(inetd, dir string) (*daemon, error) {
	d := &daemon{program: filepath.Join(dir, "inetd"), dir: dir, ended: make(chan error, 1)}
	var err error
	if d.ports, err = freePorts(fixedPorts + movingPorts); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(inetd)
	if err != nil {
		return nil, err
	}
	if d.log, err = startSyslog(); err != nil {
		return nil, err
	}
	err = errors.Join(os.WriteFile(d.program, text, 0o755), d.configure(), d.change(0))
	if err != nil {
		return nil, err
	}
	d.cmd = exec.Command(d.program, "-f", "-p", d.path("inetd.pid"), "--services", d.path("services"), "-R", "0", d.path("fixed.conf"), d.path("moving.conf"))
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.cmd.Stderr = os.Stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	return d, d.log.await("serving")
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// alive is an error if the daemon has ended.
func (d *daemon) alive() error {
	select {
	case err := <-d.ended:
		d.ended <- err
		return fmt.Errorf("the daemon has ended: %v", err)
	default:
		return nil
	}
}

func (d *daemon) end() {

	if d.alive() == nil {
		_ = unix.Kill(d.pid(), unix.SIGTERM)
		<-d.ended
	}
}

// freePorts returns ports that nobody uses now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (d *daemon) addr(port int) string { return "127.0.0.1:" + strconv.Itoa(d.ports[port]) }

// configure writes the services that stay.
func (d *daemon) configure() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	conf := fmt.Sprintf(`
%[1]s stream tcp4 nowait - /bin/cat
%[2]s stream tcp4 wait - %[7]s inetd-soak accept
%[3]s dgram udp4 nowait - /bin/cat
%[4]s dgram udp4 wait - %[7]s inetd-soak datagram
%[8]s stream unix nowait - /bin/cat
127.0.0.1:tcpmux stream tcp4 nowait - internal
tcpmux/cat stream tcp nowait - /bin/cat
%[5]s stream tcp4 nowait - internal echo
%[6]s stream tcp4 nowait - /bin/sleep sleep 1000
127.0.0.2:300001/7 stream rpc/tcp4 nowait - /bin/cat
`, d.addr(0), d.addr(1), d.addr(2), d.addr(3), d.addr(5), d.addr(6), self, d.path("unix"))
	return errors.Join(os.WriteFile(d.path("fixed.conf"), []byte(conf), 0o600),
		os.WriteFile(d.path("services"), fmt.Appendf(nil, "tcpmux %d/tcp\n", d.ports[4]), 0o600))
}

// change writes other services that come and go; n is different each time.
func (d *daemon) change(n int) error {
	var b strings.Builder
	for i := range movingPorts {
		if (i+n)%3 != 0 {
			fmt.Fprintf(&b, "%s stream tcp4 nowait.%d - /bin/cat cat -%d\n", d.addr(fixedPorts+i), 1+n%50, (i*n)%7)
		}
	}
	if n%5 == 0 {
		b.WriteString("nonsense\n")
	}
	return os.WriteFile(d.path("moving.conf"), []byte(b.String()), 0o600)
}

// usage is what the daemon uses.
type usage struct {
	descriptors, threads, goroutines, children int
	pss                                        int // KiB
}

// measure asks the kernel and the daemon what the daemon uses.
func (d *daemon) measure() (u usage, err error) {
	proc := fmt.Sprintf("/proc/%d/", d.pid())
	for what, n := range map[string]*int{"fd": &u.descriptors, "task": &u.threads} {
		list, err := os.ReadDir(proc + what)
		if err != nil {
			return u, err
		}
		*n = len(list)
	}
	text, err := os.ReadFile(proc + "smaps_rollup")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &u.pss); n == 1 {
			break
		}
	}
	shot, err := d.status()
	u.goroutines, u.children = shot.Goroutines, shot.Running
	return u, err
}

// shot is the part of the daemon's status that is used here.
type shot struct {
	Goroutines int
	Running    int
	Services   []struct {
		Service string
		Sockets []struct{ Address string }
	}
}

func (d *daemon) status() (s shot, err error) {
	text, err := exec.Command(d.program, "--status", "--json", "-p", d.path("inetd.pid")).Output()
	if err != nil {
		return s, fmt.Errorf("inetd --status: %w", err)
	}
	return s, json.Unmarshal(text, &s)
}

// settleTime is how long the daemon may take to give back what it does not need.
const settleTime = 30 * time.Second

// settled measures once no server runs any more and the usage stays the same.
func (d *daemon) settled() (u usage, err error) {
	_ = exec.Command("pkill", "-P", strconv.Itoa(d.pid()), "-x", "sleep").Run() // the daemon's children, left by clients of killServers
	for until := time.Now().Add(settleTime); time.Now().Before(until); {
		last := u
		time.Sleep(2 * time.Second)
		if u, err = d.measure(); err != nil || u == last && u.children == 0 {
			break
		}
	}
	return u, err
}

// syslogd is the daemon behind /dev/log.
type syslogd struct {
	conn *net.UnixConn
	mu   sync.Mutex // held to keep it from reading
	last []string
	seen chan string
}

const tailLines = 40

func startSyslog() (*syslogd, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/dev/log", Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	l := &syslogd{conn: conn, seen: make(chan string, 64)}
	go l.read()
	return l, nil
}

func (l *syslogd) read() {
	b := make([]byte, 1<<16)
	for {
		n, err := l.conn.Read(b)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.last = append(l.last, strings.TrimSpace(string(b[:n])))
		l.last = l.last[max(0, len(l.last)-tailLines):]
		l.mu.Unlock()
		select {
		case l.seen <- string(b[:n]):
		default:
		}
	}
}

// await waits for a line with text in it.
func (l *syslogd) await(text string) error {
	for {
		select {
		case line := <-l.seen:
			if strings.Contains(line, text) {
				return nil
			}
		case <-time.After(20 * time.Second):
			return fmt.Errorf("no %q in the log\n%s", text, l.tail())
		}
	}
}

// tail is the end of the log.
func (l *syslogd) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.last, "\n") + "\n"
}
