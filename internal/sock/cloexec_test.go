package sock

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCloseOnExec: whatever way a descriptor is made, and whether its number is high
// enough at once or not, no program that the daemon executes has it.
func TestCloseOnExec(t *testing.T) {
	t.Parallel()
	s := Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
	ways := map[string]func(floor int) (int, error){
		"open": func(floor int) (int, error) {
			fd, _, err := Open(s, Options{}, floor)
			return fd, err
		},
		"adopt": func(floor int) (int, error) {
			fd, err := unix.Socket(int(s.Family), int(s.Type), int(s.Protocol)) // as a service manager leaves it
			if err != nil {
				return -1, err
			}
			_, fd, err = Adopt(fd, floor)
			return fd, err
		},
		"connect": func(floor int) (int, error) {
			fd, at := opened(t, "127.0.0.1", false, Options{Connect: true})
			send(t, client(t, at.Addr), []byte("x"))
			p, _ := receive(t, fd)
			return p.Connect(fd, at, Options{}, floor)
		},
	}
	for name, way := range ways {
		for _, floor := range []int{3, 400} {
			fd, err := way(floor)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 || fd < floor {
				t.Errorf("%s: descriptor %d from %d has flags %#x, %v", name, fd, floor, flags, err)
			}
			unix.Close(fd)
		}
	}
}
