package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// patience is the deadline of everything a script waits for.
const patience = time.Minute

type script = testscript.TestScript

type benchKey struct{}

// bench is what one script has running.
type bench struct {
	dir       string
	env       []string // of daemons
	daemons   map[string]*testDaemon
	conns     map[string]net.Conn
	listeners map[string]net.Listener
	notes     *transcript // what the service manager was told
	crowds    []*crowd
	syslogd   *net.UnixConn
	syslog    *transcript

	private *string  // the kind of system that daemons have of their own
	inherit []string // sockets that daemons find open
}

func newBench(env *testscript.Env) *bench {
	return &bench{
		dir:       env.WorkDir,
		env:       slices.DeleteFunc(slices.Clone(env.Vars), ofScript),
		daemons:   map[string]*testDaemon{},
		conns:     map[string]net.Conn{},
		listeners: map[string]net.Listener{},
	}
}

// ofScript reports variables that testscript made for the script alone.
func ofScript(v string) bool {
	return v[0] < 'A' || v[0] > 'Z' || strings.HasPrefix(v, "WORK=")
}

func benchOf(ts *script) *bench { return ts.Value(benchKey{}).(*bench) }

// testDaemon is an inetd of a script.
type testDaemon struct {
	pid int
	log *transcript // over when the daemon is gone
	cmd *exec.Cmd   // nil unless the daemon is a child that must be waited for
}

// cutID takes the @ID off a command's arguments.
func cutID(args []string) (id string, rest []string) {
	id = "inetd"
	for _, a := range args {
		if strings.HasPrefix(a, "@") {
			id = a[1:]
		} else {
			rest = append(rest, a)
		}
	}
	return id, rest
}

// daemonOf returns the daemon a command is about, and its other arguments.
func daemonOf(ts *script, args []string) (*testDaemon, []string) {
	id, rest := cutID(args)
	d := benchOf(ts).daemons[id]
	if d == nil {
		ts.Fatalf("no daemon %s was started", id)
	}
	return d, rest
}

func cmdStart(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	id, args := cutID(args)
	d, pidFile := runInetd(ts, id, args, "-e")
	err := d.cmd.Wait()
	d.cmd = nil
	if err != nil {
		ts.Fatalf("start: %v", err)
	}
	pid, err := os.ReadFile(pidFile)
	ts.Check(err)
	d.pid, err = strconv.Atoi(strings.TrimSpace(string(pid)))
	ts.Check(err)
}

func cmdForeground(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	id, args := cutID(args)
	runInetd(ts, id, args, "-f", "-e")
}

// runInetd runs inetd with options before args and reads its log. Words of the
// form NAME=VALUE in front go into its environment.
func runInetd(ts *script, id string, args []string, options ...string) (d *testDaemon, pidFile string) {
	b := benchOf(ts)
	env := slices.Clone(b.env)
	for len(args) > 0 && strings.Contains(args[0], "=") && args[0][0] != '-' {
		env, args = append(env, args[0]), args[1:]
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	defer w.Close()
	pidFile = filepath.Join(b.dir, id+".pid")
	cmd := exec.Command(filepath.Join(ts.Getenv("BIN"), "inetd"), append(append(options, "-p", pidFile), args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), env, w, w
	if len(b.inherit) > 0 {
		bequeath(cmd, b.inherit)
	}
	if b.private != nil {
		enclose(cmd, *b.private, b.dir)
	}
	ts.Logf("%s", cmd)
	ts.Check(cmd.Start())
	d = &testDaemon{pid: cmd.Process.Pid, log: newTranscript(r), cmd: cmd}
	b.daemons[id] = d
	ts.Defer(func() {
		d.end()
		ts.Logf("log of %s:\n%s", id, d.log.text())
	})
	return d, pidFile
}

// end ends the daemon if it has not ended yet.
func (d *testDaemon) end() {
	if !d.log.over() {
		_ = unix.Kill(d.pid, unix.SIGTERM)
		if d.log.waitOver() != nil {
			_ = unix.Kill(d.pid, unix.SIGKILL)
		}
	}
	if d.cmd != nil {
		_ = d.cmd.Wait()
	}
}

func cmdWaitLog(ts *script, neg bool, args []string) {
	d, args := daemonOf(ts, args)
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	if !neg {
		if _, err := d.log.find(pattern); err != nil {
			ts.Fatalf("waitlog %s: %v", args[0], err)
		}
		return
	}
	if found := pattern.FindString(d.log.text()); found != "" {
		ts.Fatalf("the log has %q", found)
	}
}

func cmdSignal(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal %q", args[0])
	}
	ts.Check(unix.Kill(d.pid, sig))
}

// outcome ends what a reload writes to the log.
var outcome = regexp.MustCompile(`(?m)(^.*: configuration reloaded: |; the services stay as they were$).*\n`)

func cmdReload(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	for range times(ts, args) {
		ts.Check(unix.Kill(d.pid, unix.SIGHUP))
		text, err := d.log.find(outcome)
		if err != nil {
			ts.Fatalf("reload: %v", err)
		}
		fmt.Fprint(ts.Stdout(), text)
	}
}

// times returns how often something is to be done: the first argument, or once.
func times(ts *script, args []string) int {
	if len(args) == 0 {
		return 1
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	return n
}

// cmdUpgrade has the daemon execute its program again and again.
func cmdUpgrade(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	id, args := cutID(args)
	for range times(ts, args) {
		ts.Check(ts.Exec("inetd", "--upgrade", "-p", filepath.Join(benchOf(ts).dir, id+".pid")))
	}
}

func cmdWaitExit(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	if err := d.log.waitOver(); err != nil {
		ts.Fatalf("waitexit: %v", err)
	}
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Wait()
	if got := strconv.Itoa(d.cmd.ProcessState.ExitCode()); len(args) == 1 && got != args[0] {
		ts.Fatalf("the daemon ended with status %s: %v", got, d.cmd.ProcessState)
	}
	d.cmd = nil
}

func cmdNotify(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	path := filepath.Join(benchOf(ts).dir, "notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	ts.Setenv("NOTIFY_SOCKET", path)
	benchOf(ts).env = append(benchOf(ts).env, "NOTIFY_SOCKET="+path)
	benchOf(ts).notes = newTranscript(datagrams{conn})
	ts.Defer(func() { conn.Close() })
}

func cmdWaitNotify(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	notes := benchOf(ts).notes
	if _, err := notes.find(regexp.MustCompile("(?m)^" + args[0])); err != nil {
		ts.Fatalf("waitnotify %s: %v after\n%s", args[0], err, notes.text())
	}
}

// datagrams adds a newline to each datagram.
type datagrams struct{ io.ReadCloser }

func (d datagrams) Read(b []byte) (int, error) {
	n, err := d.ReadCloser.Read(b[:len(b)-1])
	if err == nil {
		b[n] = '\n'
		n++
	}
	return n, err
}

func affirm(ts *script, neg bool) {
	if neg {
		ts.Fatalf("! has no meaning here")
	}
}
