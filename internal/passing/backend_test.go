package passing

import (
	"syscall"
	"testing"
)

// TestUnanswered: no reason is given where none is known yet.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{0: "", syscall.ECONNREFUSED: ": Connection refused"} {
		if got := (&backend{errno: errno}).unanswered(); got != want {
			t.Errorf("errno %d: %q, want %q", int(errno), got, want)
		}
	}
}
