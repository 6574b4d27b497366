package inetd

import (
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// perProcessor is how many tests run apart at once for each processor: they wait more than
// they work.
const perProcessor = 3

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", strconv.Itoa(perProcessor*runtime.GOMAXPROCS(0))) // -parallel overrides it
	os.Exit(m.Run())
}

// apart runs a test again in a process of its own, in parallel with others, and reports
// whether this is that process. In one process two Servers would reap each other's
// children, so tests that are not apart run one after the other.
func apart(t *testing.T) bool {
	t.Helper()
	return again(t, 0)
}

// inNetwork is apart with a network namespace of its own.
func inNetwork(t *testing.T) bool {
	t.Helper()
	return again(t, syscall.CLONE_NEWNET)
}

func again(t *testing.T, namespaces uintptr) bool {
	t.Helper()
	const mark = "INETD_TEST_APART"
	if os.Getenv(mark) != "" {
		return true
	}
	t.Parallel()
	run := "^" + t.Name() + "$"
	if _, part, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		run += "/" + part
	}
	cmd := exec.Command(os.Args[0], "-test.run="+run, "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1", "GORACE=atexit_sleep_ms=0") // with -race it would end a second late
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if uid := os.Getuid(); uid != 0 && namespaces != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("no process in such a namespace: %v", err)
	}
	err := cmd.Wait()
	t.Logf("apart:\n%s", &out)
	if err != nil {
		t.Error(err)
	} else if strings.Contains(out.String(), "--- SKIP: "+t.Name()+" ") {
		t.SkipNow()
	}
	return false
}
