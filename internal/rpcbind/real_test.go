package rpcbind

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// realRpcbind is the two sockets of a real rpcbind. They stay when it is
// restarted, as they do under systemd, and clients queue until it is ready.
type realRpcbind struct{ local, tcp net.Listener }

func newRealRpcbind(t *testing.T) realRpcbind {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can give rpcbind namespaces of its own")
	}
	for _, program := range []string{"rpcbind", "unshare"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	if err := exec.Command("unshare", "-n", "-m", "mount", "-t", "tmpfs", "none", "/run").Run(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
	return realRpcbind{
		local: listen(t, "unix", filepath.Join(t.TempDir(), "sock")),
		tcp:   listen(t, "tcp4", "127.0.0.1:0"),
	}
}

// start runs rpcbind with nothing of this machine but those two sockets.
func (r realRpcbind) start(t *testing.T) (stop func()) {
	t.Helper()
	cmd := exec.Command("unshare", "-n", "-m", "sh", "-c",
		"mount -t tmpfs none /run && LISTEN_PID=$$ LISTEN_FDS=2 exec rpcbind -f")
	for _, l := range []net.Listener{r.local, r.tcp} {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(stop)
	return stop
}

func TestRealRpcbind(t *testing.T) {
	t.Parallel()
	r := newRealRpcbind(t)
	r.start(t)
	lifeCycle(t, &Client{Socket: r.local.Addr().String()}, []Binding{
		binding(1, "tcp", "0.0.0.0:40000"),
		binding(1, "udp", "127.0.0.1:40000"),
		binding(1, "tcp6", "[::]:40001"),
		binding(1, "udp6", "[2001:db8::1]:255"),
		binding(3, "udp", "0.0.0.0:256"),
	})
}

func TestRealPortmapper(t *testing.T) {
	t.Parallel()
	r := newRealRpcbind(t)
	r.start(t)
	client := &Client{Socket: "/nonexistent", Portmap: r.tcp.Addr().String()}
	lifeCycle(t, client, []Binding{binding(1, "tcp", "0.0.0.0:40000")})
	lifeCycle(t, client, []Binding{binding(2, "udp", "0.0.0.0:40001")})
}

func TestRealRpcbindForgets(t *testing.T) {
	t.Parallel()
	r := newRealRpcbind(t)
	stop := r.start(t)
	client, b := &Client{Socket: r.local.Addr().String()}, binding(1, "tcp", "0.0.0.0:40000")
	ended, err := client.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), b); err != nil { // rpcbind answers after it has accepted Watch's connection
		t.Fatal(err)
	}
	stop()
	<-ended
	r.start(t)
	if missing, err := client.Missing(t.Context(), []Binding{b}); len(missing) != 1 || err != nil {
		t.Errorf("after a restart: missing = %v, %v", missing, err)
	}
	if err := client.Set(t.Context(), b); err != nil {
		t.Errorf("set after a restart: %v", err)
	}
}
