package watch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// roleVar makes the test binary play a part of a test in a process of its own.
const roleVar = "WATCH_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // a program with -race would end a second late
		os.Exit(m.Run())
	}
	if err := watchMounted(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// A file mounted into a container is written from outside, which its
// directory in the container never hears of.
func TestMountedFile(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a mount namespace needs root")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=mounts")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("no mount namespaces here: ", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// watchMounted works in a /run of its own: in a temporary directory the
// events of others could bring the change to light.
func watchMounted() error {
	const outside, inside = "/run/outside/conf", "/run/inside/conf"
	if err := errors.Join(
		syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		os.Mkdir("/run/outside", 0o700),
		os.Mkdir("/run/inside", 0o700),
		os.WriteFile(outside, []byte("old"), 0o600),
		os.WriteFile(inside, nil, 0o600),
		syscall.Mount(outside, inside, "", syscall.MS_BIND, ""),
	); err != nil {
		return err
	}
	w := New()
	defer w.Close()
	w.Set([]string{inside})
	if err := w.Degraded(); err != nil {
		return err
	}
	if err := os.WriteFile(outside, []byte("new"), 0o600); err != nil {
		return err
	}
	select {
	case <-w.Changed():
		return nil
	case <-time.After(time.Minute):
		return errors.New("not told")
	}
}
