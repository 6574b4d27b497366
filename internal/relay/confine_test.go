package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// confined is the argument with which the test binary confines itself and tries its ways.
const confined = "-confined"

// ways is what a confined process can still do.
type ways struct {
	NoNewPrivs, Dumpable          int
	ReadsFile, OwnPort, OtherPort bool // false: EACCES
}

// tryWays confines this process as a relay to place, and prints its ways.
func tryWays(place, other string) {
	confine(Config{Network: "tcp", Address: place})
	var w ways
	w.NoNewPrivs, _ = unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	w.Dumpable, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	_, err := os.ReadFile("/etc/passwd")
	w.ReadsFile = !errors.Is(err, unix.EACCES)
	w.OwnPort, w.OtherPort = reaches(place), reaches(other)
	json.NewEncoder(os.Stdout).Encode(w)
}

func reaches(addr string) bool {
	c, err := net.Dial("tcp4", addr)
	if err == nil {
		c.Close()
	}
	return !errors.Is(err, unix.EACCES)
}

// TestConfined: a relay that somebody has taken over gets no more privileges, reads no file
// and reaches no port but that of its place, as far as the kernel's Landlock goes. Other
// processes of its user cannot look into it.
func TestConfined(t *testing.T) {
	t.Parallel()
	var at []string
	for range 2 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at = append(at, l.Addr().String())
	}
	cmd := exec.Command("/proc/self/exe", confined, at[0], at[1])
	cmd.Env, cmd.Stderr = []string{"GORACE=atexit_sleep_ms=0"}, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got ways
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := ways{NoNewPrivs: 1, OwnPort: true}
	version, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	want.ReadsFile, want.OtherPort = e != 0, e != 0 || version < 4
	if got != want {
		t.Errorf("with Landlock %d (%v) it can do %+v, want %+v", version, e, got, want)
	}
}

// TestPolicyOfRelay: a relay that is woken interrupts no other process.
func TestPolicyOfRelay(t *testing.T) {
	t.Parallel()
	b := start(t, Config{Network: "tcp", Address: "127.0.0.1:1", Hold: true})
	b.tell(Probe)
	b.want(Silent, unix.ECONNREFUSED)
	if attr, err := unix.SchedGetAttr(b.cmd.Process.Pid, 0); err != nil || attr.Policy != unix.SCHED_BATCH {
		t.Errorf("its policy is %+v, %v", attr, err)
	}
}

// TestNameOfRelay: ps(1) shows relays under another name than the daemon.
func TestNameOfRelay(t *testing.T) {
	t.Parallel()
	b := start(t, Config{Network: "tcp", Address: "127.0.0.1:1", Hold: true})
	b.tell(Probe)
	b.want(Silent, unix.ECONNREFUSED)
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", b.cmd.Process.Pid))
	if strings.TrimSpace(string(name)) != "inetd-relay" {
		t.Errorf("it is called %q, %v", name, err)
	}
}
