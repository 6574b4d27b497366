package passing

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"inetd/internal/logbook/booktest"
	"inetd/internal/loop"
	"inetd/internal/relay"
	"inetd/internal/running"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// muted makes a relay that reads nothing from queue, its end of the pair, which is full.
// told returns what is logged.
func muted(t *testing.T, pid int) (rs *Relays, p *passing, queue int, told func() string) {
	t.Helper()
	ours, queue, err := relay.Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ours); unix.Close(queue) })
	log := booktest.New(t)
	rs = New(Loop{Timers: log.Timers, Running: running.New(nil, nil, 0, log.Timers, log.Book), Log: log.Book})
	rs.loop.Running.Track(pid, &running.Process{}, false)
	p = &passing{svc: &table.Service{Label: "one/tcp"}, fd: ours, pid: pid}
	for !p.orders.Waiting() {
		rs.command(p, relay.Open)
	}
	return rs, p, queue, log.Lines
}

// sleeper starts a process that is there to be killed.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	process := exec.Command("/bin/sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Process.Kill() })
	return process
}

func wantKilled(t *testing.T, process *exec.Cmd) {
	t.Helper()
	if err := process.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("its process: %v", err)
	}
}

// expire waits for the next timer and runs what is due.
func expire(timers *loop.Timers) {
	time.Sleep(timers.Next())
	timers.Expire()
}

// TestMuteRelay: a relay that takes no command is told again for ten seconds and then
// killed, and the log says so. Otherwise its clients would wait for ever.
func TestMuteRelay(t *testing.T) {
	t.Parallel()
	process := sleeper(t)
	rs, p, _, told := muted(t, process.Process.Pid)
	if p.mute.IsZero() {
		t.Fatal("it is not known that it is mute")
	}
	expire(rs.loop.Timers)
	expire(rs.loop.Timers)
	if told() != "" {
		t.Fatalf("it is given up at once: %s", told())
	}
	p.mute = p.mute.Add(-muteTime)
	rs.tellAgain(p)
	for deadline := time.Now().Add(time.Minute); told() == "" && time.Now().Before(deadline); {
		expire(rs.loop.Timers)
	}
	if want := "one/tcp: relay["; !strings.Contains(told(), want) || !strings.HasSuffix(told(), "takes no command and is killed (inetd.conf:0)\n") {
		t.Fatalf("the log says %q", told())
	}
	wantKilled(t, process)
}

// TestRelayHearsAgain: a relay that takes its commands at last is left alone.
func TestRelayHearsAgain(t *testing.T) {
	t.Parallel()
	rs, p, queue, told := muted(t, 1<<30)
	var err error
	for b := make([]byte, 10); err == nil; {
		_, err = unix.Read(queue, b)
	}
	if err != unix.EAGAIN {
		t.Fatal(err)
	}
	p.mute = p.mute.Add(-muteTime)
	rs.tellAgain(p)
	for rs.loop.Timers.Len() > 0 {
		expire(rs.loop.Timers)
	}
	if told() != "" || !p.mute.IsZero() || p.orders.Waiting() {
		t.Errorf("it is mute since %v, and the log says %q", p.mute, told())
	}
}

// TestRelayTakesNoClient: a relay that takes no client for ten seconds is killed; one
// that is full for a moment is not.
func TestRelayTakesNoClient(t *testing.T) {
	t.Parallel()
	process := sleeper(t)
	rs, p, _, told := muted(t, process.Process.Pid)
	rs.tookNone(p)
	rs.tookNone(p)
	if told() != "" || p.full.IsZero() {
		t.Fatalf("it is given up at once: %s", told())
	}
	p.full = p.full.Add(-muteTime)
	rs.tookNone(p)
	rs.tookNone(p) // the daemon does not know of its end yet
	if told() != fmt.Sprintf("one/tcp: relay[%d] takes no command and is killed (inetd.conf:0)\n", p.pid) {
		t.Errorf("the log says %q", told())
	}
	wantKilled(t, process)
}
