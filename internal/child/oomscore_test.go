package child

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func ownOOMScore(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Skip(err)
	}
	return strings.TrimSpace(string(text))
}

// TestOOMScore: a server has the score that it is to have, and neither the daemon nor
// another server has it.
func TestOOMScore(t *testing.T) {
	h := cloning(t)
	own := ownOOMScore(t)
	const say = "cat /proc/$$/oom_score_adj"
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		for _, u := range []Setup{{HasOOMScore: true, OOMScore: 700}, {HasOOMScore: true, OOMScore: 701, HasUmask: true, Umask: 0o77}, {}} {
			want := own
			if u.HasOOMScore {
				want = map[int]string{700: "700", 701: "701"}[u.OOMScore]
			}
			c := Command{Path: "/bin/sh", Argv: []string{"sh", "-c", say}, Env: []string{"PATH=/bin:/usr/bin"}, Setup: u}
			if out, _ := h.said(c); strings.TrimSpace(out) != want {
				t.Errorf("crowded %v: %q, want %s", crowded, out, want)
			}
			if now := ownOOMScore(t); now != own {
				t.Fatalf("the daemon's score is %s, and was %s", now, own)
			}
		}
	}
	if h.Starting() {
		t.Error("a slot is in use when all servers have ended")
	}
}

// TestOOMScoreFails: a child with memory of its own tells which of its calls failed, as
// any other does.
func TestOOMScoreFails(t *testing.T) {
	h := cloning(t)
	ownOOMScore(t)
	for _, tt := range []struct {
		path  string
		score int
		stage Stage
		errno syscall.Errno
	}{
		{"/bin/true", 1001, OOMScore, syscall.EINVAL},
		{"/nonexistent", 1000, Exec, syscall.ENOENT},
	} {
		_, client := h.start(h.prepare(Command{Path: tt.path, Argv: []string{"true"}, Setup: Setup{HasOOMScore: true, OOMScore: tt.score}}), "")
		if st := h.await(); st.Stage != tt.stage || st.Errno != tt.errno {
			t.Errorf("%v, %v; want %v, %v", st.Stage, st.Errno, tt.stage, tt.errno)
		}
		if out, _ := io.ReadAll(client); len(out) > 0 {
			t.Errorf("the server ran: %q", out)
		}
		client.Close()
	}
	for h.Starting() { // Reap returns a failure before it reaps the child
		h.Reap()
	}
}

// TestOOMScoreOfMany: servers that run keep their slots, and others are started all the
// same.
func TestOOMScoreOfMany(t *testing.T) {
	h := cloning(t)
	ownOOMScore(t)
	p := h.prepare(Command{Path: "/bin/cat", Argv: []string{"cat"}, Setup: Setup{HasOOMScore: true, OOMScore: 500}})
	var clients []io.Closer
	for range 2*chunk + 1 {
		_, client := h.start(p, "")
		clients = append(clients, client)
	}
	h.Settle(time.Second)
	if out, _ := h.said(Command{Path: "/bin/echo", Argv: []string{"echo", "x"}}); out != "x\n" {
		t.Errorf("%q", out)
	}
	for _, c := range clients {
		c.Close()
	}
	for range clients {
		if st := h.await(); st.Stage != Run {
			t.Errorf("%+v", st)
		}
	}
	if h.Starting() {
		t.Error("a slot is in use when all servers have ended")
	}
}
