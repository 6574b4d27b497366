package passing

import (
	"syscall"
	"testing"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/demand"
	"inetd/internal/plan"
	"inetd/internal/table"
)

// TestUnanswered: no reason is given before one is known.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{0: "", syscall.ECONNREFUSED: ": Connection refused"} {
		if got := (&backend{errno: errno}).unanswered(); got != want {
			t.Errorf("errno %d: %q, want %q", int(errno), got, want)
		}
	}
}

// TestSilent: if a server ends without a word, the log says where to look.
func TestSilent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ stderr, user, want string }{
		{"", "redis", "; it said nothing on standard error: try /opt/server with its args by hand as user redis"},
		{"log", "-", "; it said nothing on standard error: try /opt/server with its args by hand"},
		{"null", "redis", "; stderr = null hides what it says: try /opt/server with its args by hand as user redis"},
		{"/var/log/x", "redis", "; what it says on standard error is in /var/log/x"},
	} {
		do := &table.Action{Action: &plan.Action{Path: "/opt/server", User: plan.User{Name: tt.user}}, Keys: &conf.Keys{Stderr: tt.stderr}}
		if got := silent(do); got != tt.want {
			t.Errorf("stderr %q, user %q: %q, want %q", tt.stderr, tt.user, got, tt.want)
		}
	}
}

// TestFailedOnce: a start is counted as failed once, even if two failures are logged.
func TestFailedOnce(t *testing.T) {
	t.Parallel()
	p := &passing{svc: &table.Service{}, back: &backend{}}
	p.failed("nobody answers", "nobody answers")
	p.failed("it was not ready in twice the time", "it is not ready after 13s either")
	if u := p.svc.Usage(); u.Failed != 1 || u.LastError != "it is not ready after 13s either" {
		t.Errorf("%+v", u.Counts)
	}
}

// TestCountEnd: a server that ends when told to has ended well; one that had to be killed
// has not.
func TestCountEnd(t *testing.T) {
	t.Parallel()
	const well, failed, signal = "well", "with an error", "by a signal"
	for _, tt := range []struct {
		stage  demand.Stage
		killed bool
		wait   syscall.WaitStatus
		want   string
	}{
		{demand.Ready, false, 0, well},
		{demand.Ready, false, 3 << 8, failed},
		{demand.Ready, false, syscall.WaitStatus(syscall.SIGTERM), signal},
		{demand.Stopping, false, 0, well},
		{demand.Stopping, false, syscall.WaitStatus(syscall.SIGTERM), well},
		{demand.Stopping, false, syscall.WaitStatus(syscall.SIGSEGV), signal},
		{demand.Stopping, false, 3 << 8, failed},
		{demand.Stopping, true, syscall.WaitStatus(syscall.SIGTERM), signal},
		{demand.Stopping, true, syscall.WaitStatus(syscall.SIGKILL), signal},
	} {
		p := &passing{svc: &table.Service{}, back: &backend{Machine: demand.Machine{Stage: tt.stage, Killed: tt.killed}}}
		p.countEnd(child.Status{Stage: child.Run, Wait: tt.wait})
		u := p.svc.Usage()
		got := map[[3]uint64]string{{1, 0, 0}: well, {0, 1, 0}: failed, {0, 0, 1}: signal}[[3]uint64{u.EndedWell, u.EndedError, u.Killed}]
		if got != tt.want || (u.LastError == "") != (tt.want == well) {
			t.Errorf("%+v: %+v", tt, u.Counts)
		}
	}
}

// TestSignalOfFailedStart: a failed start has a negative number instead of a process ID.
// Taken for a session, it would name somebody else's process.
func TestSignalOfFailedStart(t *testing.T) {
	t.Parallel()
	other := sleeper(t)
	rs, p := New(Loop{}), &passing{back: &backend{session: -other.Process.Pid}}
	rs.actOn(p, demand.Term)
	rs.actOn(p, demand.Kill)
	other.Process.Signal(syscall.SIGUSR1) // unlike HUP, this is not ignored under nohup
	if err := other.Wait(); err == nil || err.Error() != "signal: user defined signal 1" {
		t.Errorf("another process: %v", err)
	}
}
