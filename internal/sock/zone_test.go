package sock

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNoSuchInterface(t *testing.T) {
	t.Parallel()
	fd, _, err := Open(stream(unix.AF_INET6, unix.IPPROTO_TCP, netip.MustParseAddrPort("[fe80::1%nosuch0]:0")), Options{}, floor)
	if err == nil || err.Error() != "bind: there is no interface nosuch0" {
		t.Errorf("Open gives %d, %v", fd, err)
	}
}
