package sock

import (
	"net/netip"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAdopt opens sockets and looks whether they are recognized.
func TestAdopt(t *testing.T) {
	t.Parallel()
	inet := func(family, kind uint8, protocol uint16, dual bool, addr string) Spec {
		return Spec{Family: family, Type: kind, Protocol: protocol, Dual: dual, Addr: netip.MustParseAddrPort(addr)}
	}
	for _, s := range []Spec{
		inet(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP, false, "127.0.0.1:0"),
		inet(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_TCP, false, "0.0.0.0:0"),
		inet(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP, false, "127.0.0.1:0"),
		inet(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE, false, "127.0.0.1:0"),
		inet(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP, false, "127.0.0.1:0"),
		inet(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP, false, "[::1]:0"),
		inet(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP, false, "[::]:0"),
		inet(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP, true, "[::]:0"),
		inet(unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDP, true, "[::]:0"),
		UnixSpec(unix.SOCK_STREAM, filepath.Join(t.TempDir(), "s")),
		UnixSpec(unix.SOCK_DGRAM, "@adopt-"+t.TempDir()),
		VsockSpec(unix.SOCK_STREAM, 70211),
	} {
		fd, _, err := Open(s, Options{Backlog: 1, Mode: 0o600, UID: -1, GID: -1}, 3)
		if err != nil {
			t.Logf("%s: %v", s, err)
			continue
		}
		want := s
		if s.Addr.IsValid() {
			var local Address
			if err := Local(fd, &local); err != nil {
				t.Fatal(err)
			}
			want.Addr = local.AddrPort()
		}
		got, high, err := Adopt(fd, 300)
		if got != want || high < 300 || err != nil {
			t.Errorf("%+v is taken for %+v, descriptor %d, %v", want, got, high, err)
		}
		Close(high, s, File{})
	}
}

func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[1])
	if _, _, err := Adopt(pair[0], 3); err != errNoListener {
		t.Errorf("a connection: %v", err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Adopt(null, 3); err == nil || err.Error() != "getsockopt: socket operation on non-socket" {
		t.Errorf("a file: %v", err)
	}
}
