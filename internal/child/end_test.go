package child

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestHow(t *testing.T) {
	t.Parallel()
	for w, want := range map[syscall.WaitStatus]string{
		0: "exit status 0", 3 << 8: "exit status 3", 9: "killed by SIGKILL", 11 | 0x80: "killed by segmentation fault",
	} {
		if got := How(w); got != want {
			t.Errorf("%#x: %s, want %s", int(w), got, want)
		}
	}
}

func TestCrash(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]bool{
		syscall.SIGSEGV: true, syscall.SIGABRT: true, syscall.SIGKILL: true,
		syscall.SIGPIPE: false, syscall.SIGHUP: false, syscall.SIGTERM: false, syscall.SIGINT: false, syscall.SIGALRM: false,
	} {
		if got := Crash(sig); got != want {
			t.Errorf("%v: %v, want %v", sig, got, want)
		}
	}
}

// TestSignalGroup: a failed start has a number below 0. Negated it may be the process
// group of somebody else. No other test may reap meanwhile.
func TestSignalGroup(t *testing.T) {
	other := exec.Command("/bin/cat")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	SignalGroup(-other.Process.Pid, syscall.SIGKILL)
	in.Close()
	if err := other.Wait(); err != nil {
		t.Errorf("another process: %v", err)
	}
}
