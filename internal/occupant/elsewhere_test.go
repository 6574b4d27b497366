package occupant

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestElsewhere: a session listens where one of its processes has a listening socket.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct{ network, address, place, want string }{
		{"tcp", "127.0.0.2:0", "127.0.0.1:PORT", "127.0.0.2:PORT"},
		{"tcp", "127.0.0.1:0", "127.0.0.1:1", "port PORT"},
		{"tcp", "127.0.0.1:0", "/run/s", "port PORT"},
		{"unix", filepath.Join(dir, "a b"), "/run/s", filepath.Join(dir, "a b")},
		{"", "", "127.0.0.1:1", ""},
	} {
		cmd := exec.Command("sh", "-c", "cat; exit")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		port := ""
		if tt.network != "" {
			l, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Fatal(err)
			}
			f, err := l.(interface{ File() (*os.File, error) }).File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			defer l.Close()
			cmd.ExtraFiles = []*os.File{f}
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				port = a.AddrPort().String()[strings.LastIndexByte(a.String(), ':')+1:]
			}
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		named := strings.NewReplacer("PORT", port)
		if got, want := Elsewhere(cmd.Process.Pid, named.Replace(tt.place)), named.Replace(tt.want); got != want {
			t.Errorf("%s at %s: %q, want %q", tt.network, tt.address, got, want)
		}
		in.Close()
		cmd.Wait()
	}
}
