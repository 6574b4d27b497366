package passing

import (
	"os"
	"testing"

	"inetd/internal/readiness"

	"golang.org/x/sys/unix"
)

// TestSpeaksFor: READY=1 counts from the server's user, from root and from the server's
// session, and from nobody else.
func TestSpeaksFor(t *testing.T) {
	t.Parallel()
	own, err := unix.Getsid(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		m       readiness.Message
		session int
		want    bool
	}{
		{readiness.Message{UID: 7, PID: os.Getpid()}, 0, true},
		{readiness.Message{UID: 0, PID: os.Getpid()}, 0, true},
		{readiness.Message{UID: 8, PID: os.Getpid()}, own, true},
		{readiness.Message{UID: 8, PID: os.Getpid()}, own + 1, false},
		{readiness.Message{UID: 8, PID: 1 << 30}, own, false},
	} {
		if got := speaksFor(tt.m, 7, tt.session); got != tt.want {
			t.Errorf("%+v for user 7, session %d: %v", tt.m, tt.session, got)
		}
	}
}
