package threads

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

// roomVar makes the test binary reserve threads: the runtime never gives threads back, so
// each test needs a process of its own.
const roomVar = "THREADS_TEST_ROOM"

func TestMain(m *testing.M) {
	if room, err := strconv.Atoi(os.Getenv(roomVar)); err == nil {
		before := count()
		left, enough := Reserve(func(most int) int { return min(room, most) })
		fmt.Println(before, count(), runtime.GOMAXPROCS(0), left, enough)
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // otherwise a program with -race ends a second late
	os.Exit(m.Run())
}

func TestReserve(t *testing.T) {
	t.Parallel()
	const processors = 64
	for _, tt := range []struct{ procs, room int }{
		{1, 0}, {1, 1}, {1, children}, {1, 5}, {1, 1000},
		{2, 0}, {2, children}, {2, 5}, {2, 1000},
		{processors, 5}, {processors, 1000},
	} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", roomVar, tt.room), fmt.Sprintf("GOMAXPROCS=%d", tt.procs))
		out, err := cmd.CombinedOutput()
		var r result
		if err == nil {
			_, err = fmt.Sscan(string(out), &r.before, &r.after, &r.procs, &r.left, &r.enough)
		}
		if err != nil {
			t.Fatalf("%+v: %v\n%s", tt, err, out)
		}
		if bad := r.check(tt.procs, tt.room); bad != "" {
			t.Errorf("%+v: %+v: %s", tt, r, bad)
		}
	}
}

// result is what Reserve did: the numbers of threads, GOMAXPROCS, and what it returned.
type result struct {
	before, after, procs, left int
	enough                     bool
}

// check says what is wrong with the result; "": nothing.
func (r result) check(procs, room int) string {
	const ownThread = 1 // the runtime may make one for itself in between
	want := min(procs, maxProcs) + besides
	switch {
	case r.enough != (room == 1000):
		return "enough is wrong"
	case r.enough && (r.after < want || r.after > max(want, r.before)+ownThread):
		return fmt.Sprintf("%d threads wanted", want)
	case r.enough && r.procs != min(procs, maxProcs), !r.enough && r.procs != 1:
		return "GOMAXPROCS is wrong"
	case !r.enough && r.after > r.before+max(0, room-children)+ownThread:
		return "too many threads"
	case !r.enough && (r.left > room || r.left < min(room, children)-ownThread):
		return "left is wrong"
	}
	return ""
}
