package diagnose

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// TestEnded: of the ends of servers those are told that somebody should know of, with
// what they mean, and a kind of them once.
func TestEnded(t *testing.T) {
	t.Parallel()
	well, fails := syscall.WaitStatus(0), syscall.WaitStatus(3<<8)
	killed := func(sig syscall.Signal) syscall.WaitStatus { return syscall.WaitStatus(sig) }
	for _, tt := range []struct {
		name string
		wait bool  // it has the socket
		kill int64 // the daemon has ended it
		ends []syscall.WaitStatus
		want string // lines of the log
	}{
		{"well", false, 0, []syscall.WaitStatus{well, well}, ""},
		{"wait, well", true, 0, []syscall.WaitStatus{well, well}, ""},
		{"an error", false, 0, []syscall.WaitStatus{fails, fails, well, fails, fails}, ""},
		{"errors in a row", false, 0, []syscall.WaitStatus{fails, fails, fails, fails}, "one/tcp: /bin/x[7]: exit status 3 again and again (3 in a row, a.conf:4); its client reads what it says on standard error, which the key stderr = log brings here"},
		{"a crash", false, 0, []syscall.WaitStatus{killed(unix.SIGSEGV), killed(unix.SIGSEGV)}, "one/tcp: /bin/x[7]: exit signal 11 (segmentation fault, a.conf:4)"},
		{"the client has gone", false, 0, []syscall.WaitStatus{killed(unix.SIGPIPE)}, ""},
		{"the daemon has ended it", false, 1, []syscall.WaitStatus{killed(unix.SIGKILL)}, ""},
		{"wait, an error", true, 0, []syscall.WaitStatus{fails}, "one/tcp: /bin/x[7]: exit status 3 (a.conf:4)"},
		{"wait, a signal", true, 0, []syscall.WaitStatus{killed(unix.SIGTERM)}, "one/tcp: /bin/x[7]: exit signal 15 (terminated, a.conf:4)"},
		{"wait, its output", true, 0, []syscall.WaitStatus{killed(unix.SIGPIPE)}, "one/tcp: /bin/x[7]: exit signal 13 (broken pipe, a.conf:4): its standard output is the listening socket; a server that does not accept connections itself needs nowait"},
		{"wait, the daemon has ended it", true, 1, []syscall.WaitStatus{killed(unix.SIGTERM)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var written strings.Builder
			out := syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: &written})
			log := logbook.New(out, new(loop.Timers), &table.InForce{Generation: &table.Generation{Names: []string{"a.conf"}}})
			d := New(log, nil, nil, loop.NewBeside(nil, 0)) // which is full: nothing is looked into
			v := &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{Action: &plan.Action{Mode: plan.Accept, Listens: true}}}
			p := &running.Process{Service: v, Program: &child.Program{Server: "/bin/x"}, Kill: tt.kill, Begun: time.Now().UnixNano()}
			if tt.wait {
				v.Do.Mode = plan.Lend
				p.Lent = &table.Socket{Service: v, Spec: sock.Spec{Type: unix.SOCK_STREAM}}
			}
			for _, st := range tt.ends {
				d.Ended(p, child.Status{Pid: 7, Wait: st})
			}
			out.Close(20 * time.Second)
			var got []string
			for line := range strings.Lines(written.String()) {
				_, text, _ := strings.Cut(line, "]: ")
				got = append(got, strings.TrimSpace(text))
			}
			if got := strings.Join(got, "|"); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
		})
	}
}
