package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heldBy matches the line of the manual's source that names the test of a promise: a
// script, or a package or file and a name in it.
var heldBy = regexp.MustCompile(`^\.\\" Held by (\S+)(?: (.+))?$`)

// TestPromises: each promise of the manual names a test, and the test exists.
func TestPromises(t *testing.T) {
	t.Parallel()
	list, _, _ := strings.Cut(section(t, page8, ".Sh SECURITY CONSIDERATIONS"), "\n.El\n")
	promises := strings.Split(list, "\n.It\n")[1:]
	if len(promises) < 9 {
		t.Errorf("%d promises", len(promises))
	}
	for _, promise := range promises {
		held := 0
		for line := range strings.Lines(promise) {
			m := heldBy.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil {
				continue
			}
			held++
			if err := exists(filepath.Join("../..", m[1]), m[2]); err != nil {
				t.Error(err)
			}
		}
		if held == 0 {
			t.Errorf("nothing holds the promise %q", promise)
		}
	}
}

// exists returns an error unless there is a file with a text in it, or a package with a
// test of that name.
func exists(path, name string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	files := []string{path}
	if info.IsDir() {
		name = "\nfunc " + name + "("
		if files, err = filepath.Glob(filepath.Join(path, "*_test.go")); err != nil {
			return err
		}
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), name) {
			return nil
		}
	}
	return fmt.Errorf("%s has no %q", path, name)
}

// TestRestartWithSocketsHandedOver: if the service manager holds the sockets, clients that
// come while the daemon is being restarted are served by the next daemon.
func TestRestartWithSocketsHandedOver(t *testing.T) {
	t.Parallel()
	inetd, err1 := exec.LookPath("inetd")
	bash, err2 := exec.LookPath("bash")
	if err := errors.Join(err1, err2); err != nil {
		t.Skip(err)
	}
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	l, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	conf := filepath.Join(t.TempDir(), "inetd.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "%s stream tcp4 nowait.0 - /bin/cat\n", l.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		cmd := exec.Command(bash, "-c", `export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"`, "bash", inetd, "-f", "-e", "--pidfile=", conf)
		cmd.ExtraFiles = []*os.File{socket}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd
	}
	clients := newCrowd(4, 1<<62, "tcp4", l.Addr().String(), "")
	for range 3 {
		cmd, before := start(), clients.served.Load()
		for until := time.Now().Add(patience); clients.served.Load() < before+20 && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if clients.served.Load() < before+20 {
			t.Error("clients are not served")
		}
	}
	clients.stop.Store(true)
	last := start() // for the clients that still wait
	if err := clients.end(); err != nil {
		t.Errorf("a client failed: %v", err)
	}
	_ = last.Process.Signal(unix.SIGTERM)
	_ = last.Wait()
}
