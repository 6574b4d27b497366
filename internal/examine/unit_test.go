package examine

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestSocketUnit: a unit is found by its files. An administrator's file replaces the
// vendor's, and of several units the active one is meant.
func TestSocketUnit(t *testing.T) {
	t.Parallel()
	const (
		vendor = "usr/lib/systemd/system/"
		admin  = "etc/systemd/system/"
		active = "run/systemd/units/invocation:"
	)
	ssh := "[Socket]\nListenStream=22\nAccept=no\n"
	for _, tt := range []struct {
		name, at string
		dgram    bool
		files    map[string]string
		want     string
	}{
		{"a port", "[::]:22", false, map[string]string{vendor + "ssh.socket": ssh}, "ssh.socket"},
		{"another port", "[::]:23", false, map[string]string{vendor + "ssh.socket": ssh}, ""},
		{"a port, of one address", "127.0.0.1:22", false, map[string]string{vendor + "ssh.socket": ssh}, ""},
		{"datagrams", "[::]:22", true, map[string]string{vendor + "ssh.socket": ssh}, ""},
		{"datagrams of a unit for them", "0.0.0.0:69", true, map[string]string{vendor + "tftp.socket": "[Socket]\nListenDatagram = 0.0.0.0:69\n"}, "tftp.socket"},
		{"an address", "127.0.0.1:22", false, map[string]string{vendor + "x.socket": "ListenStream=127.0.0.1:22"}, "x.socket"},
		{"a path", "127.0.0.1:22", false, map[string]string{vendor + "x.socket": "ListenStream=/run/x"}, ""},
		{"the administrator's", "[::]:2222", false, map[string]string{vendor + "ssh.socket": ssh, admin + "ssh.socket": "ListenStream=2222"}, "ssh.socket"},
		{"the administrator's, in place of the vendor's", "[::]:22", false, map[string]string{vendor + "ssh.socket": ssh, admin + "ssh.socket": "ListenStream=2222"}, ""},
		{"a drop-in", "[::]:2222", false, map[string]string{vendor + "ssh.socket": ssh, admin + "ssh.socket.d/port.conf": "[Socket]\nListenStream=\nListenStream=2222\n"}, "ssh.socket"},
		{"a drop-in that resets", "[::]:22", false, map[string]string{vendor + "ssh.socket": ssh, admin + "ssh.socket.d/port.conf": "[Socket]\nListenStream=\nListenStream=2222\n"}, ""},
		{"a drop-in in place of the vendor's", "[::]:2222", false, map[string]string{
			vendor + "ssh.socket": ssh, vendor + "ssh.socket.d/port.conf": "ListenStream=\nListenStream=2222\n", admin + "ssh.socket.d/port.conf": "\n",
		}, ""},
		{"drop-ins in the order of their names", "[::]:22", false, map[string]string{
			vendor + "ssh.socket": ssh, vendor + "ssh.socket.d/9.conf": "ListenStream=\nListenStream=2222\n", admin + "ssh.socket.d/1.conf": "ListenStream=22\n",
		}, ""},
		{"one of two", "[::]:22", false, map[string]string{vendor + "a.socket": ssh, vendor + "b.socket": ssh, active + "b.socket": "1"}, "b.socket"},
		{"two, and nobody knows", "[::]:22", false, map[string]string{vendor + "a.socket": ssh, vendor + "b.socket": ssh}, ""},
		{"none", "[::]:22", false, nil, ""},
	} {
		root := t.TempDir()
		for name, text := range tt.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		at := netip.MustParseAddrPort(tt.at)
		spec := sock.Spec{Type: unix.SOCK_STREAM, Addr: at}
		if tt.dgram {
			spec.Type = unix.SOCK_DGRAM
		}
		if got := socketUnit(root, spec, at); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestManaged(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort("[::]:22")
	for unit, want := range map[string]string{
		"":           "a socket unit of systemd has [::]:22: systemctl list-sockets names it",
		"ssh.socket": "ssh.socket of systemd has [::]:22: systemctl disable --now ssh.socket frees it",
	} {
		if got := managed(unit, at); got != want {
			t.Errorf("%q: %s", unit, got)
		}
	}
}
