package occupant

import (
	"fmt"
	"net/netip"

	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// Elsewhere says where the processes of a session listen: as "port 8080", as an address
// if its port is that of place, or as a path; "" if they listen nowhere. place need not
// be an address.
func Elsewhere(session int, place string) string {
	own := map[uint64]bool{}
	for _, pid := range sockdiag.Session(session) {
		for inode := range sockdiag.Inodes(pid) {
			own[inode] = true
		}
	}
	if len(own) == 0 {
		return ""
	}
	if at := tcpOf(own); at.IsValid() {
		if to, err := netip.ParseAddrPort(place); err == nil && to.Port() == at.Port() {
			return at.String()
		}
		return fmt.Sprintf("port %d", at.Port())
	}
	paths, err := sockdiag.UnixListeners()
	if err != nil {
		return ""
	}
	for inode := range own {
		if path := paths[inode]; path != "" {
			return path
		}
	}
	return ""
}

// tcpOf is where one of these sockets listens for TCP; invalid if none does.
func tcpOf(own map[uint64]bool) netip.AddrPort {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := sockdiag.Dump(sockdiag.Query{Family: family, Protocol: unix.IPPROTO_TCP, States: []sockdiag.State{sockdiag.Listen}})
		if err != nil {
			continue
		}
		for _, k := range list {
			if own[k.Inode] {
				return k.Local
			}
		}
	}
	return netip.AddrPort{}
}
