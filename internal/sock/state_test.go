package sock

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLookShutDown: a socket that was shut down is deaf, of whatever family.
func TestLookShutDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		spec Spec
	}{
		{"tcp", Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: v4}},
		{"udp", Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: v4}},
		{"unix", UnixSpec(unix.SOCK_STREAM, filepath.Join(t.TempDir(), "s"))},
		{"unix packets", UnixSpec(unix.SOCK_SEQPACKET, filepath.Join(t.TempDir(), "s"))},
		{"unix datagrams", UnixSpec(unix.SOCK_DGRAM, filepath.Join(t.TempDir(), "s"))},
	} {
		for _, how := range []int{unix.SHUT_RD, unix.SHUT_RDWR} {
			o := Options{Backlog: 5, Mode: 0o600, UID: -1, GID: -1}
			fd, ours, err := Open(tt.spec, o, 3)
			if err != nil {
				t.Fatal(err)
			}
			if st := Look(fd, tt.spec, o); st != (State{}) {
				t.Errorf("%s: a new one is %+v", tt.name, st)
			}
			unix.Shutdown(fd, how) // for udp this is ENOTCONN, and works all the same
			if st := Look(fd, tt.spec, o); !st.Deaf {
				t.Errorf("%s: shut down, it is %+v", tt.name, st)
			}
			if got := Relisten(fd, tt.spec, o); got != (tt.name == "tcp") || got == Look(fd, tt.spec, o).Deaf {
				t.Errorf("%s: listening again: %v", tt.name, got)
			}
			Close(fd, tt.spec, ours)
		}
	}
}
