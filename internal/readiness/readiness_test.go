package readiness

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func newSocket(t *testing.T) *Socket {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s.FD) })
	return s
}

// say sends a message as sd_notify(3) does, with a descriptor.
func say(t *testing.T, s *Socket, text string, fd *os.File) {
	t.Helper()
	from, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(from)
	var rights []byte
	if fd != nil {
		rights = unix.UnixRights(int(fd.Fd()))
	}
	if err := unix.Sendmsg(from, []byte(text), rights, &unix.SockaddrUnix{Name: s.Name}, 0); err != nil {
		t.Fatal(err)
	}
}

// TestReceive: a message comes with its sender.
func TestReceive(t *testing.T) {
	t.Parallel()
	s := newSocket(t)
	if m, err := s.Receive(); err != unix.EAGAIN {
		t.Errorf("nothing was said: %+v, %v", m, err)
	}
	for text, want := range map[string]Message{
		"READY=1":                             {Ready: true},
		"STATUS=loading\nREADY=1\n":           {Ready: true, Status: "loading"},
		"READY=0\nXREADY=1\nREADY=11":         {},
		"":                                    {},
		"STATUS=" + strings.Repeat("x", 5000): {Status: strings.Repeat("x", maxMessage-7)},
	} {
		say(t, s, text, nil)
		want.PID, want.UID = os.Getpid(), uint32(os.Getuid())
		if m, err := s.Receive(); m != want || err != nil {
			t.Errorf("%.40q: %.60v, %v", text, m, err)
		}
	}
}

// TestBarrier: a descriptor that comes with a message is closed, and nobody keeps it.
func TestBarrier(t *testing.T) {
	t.Parallel()
	s := newSocket(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	say(t, s, "BARRIER=1", w)
	w.Close()
	if m, err := s.Receive(); err != nil || m.Stranger {
		t.Errorf("%+v, %v", m, err)
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestNames: no two sockets have the same name.
func TestNames(t *testing.T) {
	t.Parallel()
	if a, b := newSocket(t), newSocket(t); a.Name == b.Name || !strings.HasPrefix(a.Name, "@") {
		t.Errorf("%s, %s", a.Name, b.Name)
	}
}

// FuzzParse: any bytes are a message, which is ready only if a line of it says so.
func FuzzParse(f *testing.F) {
	f.Add("READY=1\nSTATUS=x")
	f.Add("STATUS=\nREADY=1 ")
	f.Fuzz(func(t *testing.T, text string) {
		if m := parse(text); m.Ready && !strings.Contains("\n"+text+"\n", "\nREADY=1\n") || strings.Contains(m.Status, "\n") {
			t.Errorf("%q: %+v", text, m)
		}
	})
}
