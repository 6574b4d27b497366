package occupant

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// connected returns the descriptor of a connection to a new place, and the listener
// there.
func connected(t *testing.T, network, address string) (int, net.Listener) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err) // there is no IPv6 here
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	f, err := conn.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return int(f.Fd()), l
}

// TestOwner: a waiting connection belongs to whoever listens, and an accepted one to
// whoever has it, even if nobody listens any more.
func TestOwner(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", filepath.Join(t.TempDir(), "s")},
	} {
		t.Run(tt.address, func(t *testing.T) {
			t.Parallel()
			fd, l := connected(t, tt.network, tt.address)
			check := func(when string) {
				t.Helper()
				o := OwnerOf(fd)
				if !o.Known || int(o.UID) != os.Getuid() || !o.Is(uint32(os.Getuid())) {
					t.Errorf("%s: %+v", when, o)
				}
				if p, ok := o.Process(time.Now().Add(20 * time.Second)); !ok || p.PID != os.Getpid() {
					t.Errorf("%s: process %+v, %v", when, p, ok)
				}
			}
			check("waiting")
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			check("accepted")
			l.Close()
			if o := OwnerOf(fd); !o.Known || int(o.UID) != os.Getuid() { // another test may listen there by now
				t.Errorf("closed: %+v", o)
			}
		})
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    Owner
		user uint32
		want bool
	}{
		{Owner{}, 5, true},
		{Owner{Known: true, UID: 5}, 5, true},
		{Owner{Known: true, UID: 0}, 5, true},
		{Owner{Known: true, UID: 6}, 5, false},
		{Owner{Known: true, UID: 6}, 0, false},
	} {
		if got := tt.o.Is(tt.user); got != tt.want {
			t.Errorf("%+v is of user %d: %v", tt.o, tt.user, got)
		}
	}
}

// TestWithin: a process belongs to its own session, and to that of an ancestor.
func TestWithin(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "setsid sh -c 'echo $$; read x'; exit")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	b := make([]byte, 20)
	n, err := out.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	deep := 0
	for _, c := range b[:n-1] {
		deep = 10*deep + int(c-'0')
	}
	for _, tt := range []struct {
		pid, session int
		want         bool
	}{
		{cmd.Process.Pid, cmd.Process.Pid, true}, {deep, cmd.Process.Pid, true}, {deep, os.Getpid(), true},
		{os.Getpid(), cmd.Process.Pid, false}, {0, cmd.Process.Pid, false}, {deep, 0, false}, {1, 1, false},
	} {
		if got := Within(tt.pid, tt.session); got != tt.want {
			t.Errorf("process %d is of session %d: %v", tt.pid, tt.session, got)
		}
	}
}
