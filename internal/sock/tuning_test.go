package sock

import (
	"os"
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// TestTuning: connections inherit what was asked for of their listening socket, and a
// change takes it back.
func TestTuning(t *testing.T) {
	t.Parallel()
	want := Tuning{KeepAlive: true, NoDelay: true, FreeBind: true, Congestion: "reno", TOS: 16, FastOpen: 5, UserTimeout: 7 * time.Second}
	root := os.Geteuid() == 0
	if root {
		want.Device, want.Mark = "lo", 7
	}
	for _, s := range []Spec{stream(unix.AF_INET, unix.IPPROTO_TCP, v4), stream(unix.AF_INET6, unix.IPPROTO_TCP, v6)} {
		o := Options{Backlog: 5, UID: -1, GID: -1}
		plain, _ := open(t, s, o)
		o.Tuning = want
		fd, at := open(t, s, o)
		dial(t, s, at)
		socktest.Await(t, fd)
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(conn)
		for _, n := range want.numbers(s) {
			where := conn
			if n.number == unix.TCP_FASTOPEN && n.level == unix.IPPROTO_TCP {
				where = fd
			}
			if got, err := unix.GetsockoptInt(where, n.level, n.number); got != n.value || err != nil {
				t.Errorf("%s: %s is %d (%v), want %d", s, n.name, got, err, n.value)
			}
		}
		if got, err := unix.GetsockoptString(conn, unix.IPPROTO_TCP, unix.TCP_CONGESTION); got != "reno" {
			t.Errorf("%s: %q, %v", s, got, err)
		}
		if root {
			if got, err := unix.GetsockoptString(conn, unix.SOL_SOCKET, unix.SO_BINDTODEVICE); got != "lo" {
				t.Errorf("%s: device %q, %v", s, got, err)
			}
		}
		none := o
		none.Tuning = Tuning{}
		if err := Retune(fd, s, o.Tuning, none); err != nil {
			t.Error(err)
		}
		for _, p := range append(lasting, option{unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "SO_BINDTODEVICE"}) {
			if is, was := p.get(fd), p.get(plain); is != was {
				t.Errorf("%s: %s is %q afterwards, want %q", s, p.name, is, was)
			}
		}
	}
}

// TestTuningRefused: an error names the option.
func TestTuningRefused(t *testing.T) {
	t.Parallel()
	for name, tuning := range map[string]Tuning{
		"setsockopt TCP_CONGESTION nosuch: no such file or directory": {Congestion: "nosuch"},
		"setsockopt SO_BINDTODEVICE nosuch: no such device":           {Device: "nosuch"},
	} {
		_, _, err := Open(stream(unix.AF_INET, unix.IPPROTO_TCP, v4), Options{Backlog: 1, UID: -1, GID: -1, Tuning: tuning}, floor)
		if err == nil || err.Error() != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
}
