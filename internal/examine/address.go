package examine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"inetd/internal/sock"
	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// Address is what to do about a socket that could not be opened with an error, or
// nothing. Who has an address that is in use is found out by Holder.
func Address(s sock.Spec, err error) (advice string) {
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL) && s.Addr.IsValid():
		return addresses(s.Addr.Addr())
	case errors.Is(err, unix.EACCES) && s.Addr.IsValid():
		return privileged(s.Addr.Port())
	case errors.Is(err, unix.ENOENT) && s.HasPath():
		return missing(filepath.Dir(s.Path()))
	case errors.Is(err, unix.EACCES) && s.HasPath():
		return "its directory may not be written by this user"
	}
	return ""
}

// maxAddresses is how many addresses of this machine are named.
const maxAddresses = 6

// addresses names those that this machine has of the family of one that it has not.
func addresses(want netip.Addr) string {
	family := "IPv4"
	if want.Is6() {
		family = "IPv6"
		if off, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/disable_ipv6"); err == nil && off[0] == '1' {
			return "IPv6 is off: net.ipv6.conf.all.disable_ipv6 is 1"
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	var have []string
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is6() == want.Is6() {
			have = append(have, p.Addr().String())
		}
	}
	switch {
	case len(have) == 0:
		return "this machine has no address of " + family
	case len(have) > maxAddresses:
		have = append(have[:maxAddresses], "others")
	}
	return "this machine has " + strings.Join(have, ", ")
}

// privileged says what a port below the limit needs.
func privileged(port uint16) string {
	const setting = "net.ipv4.ip_unprivileged_port_start"
	text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(setting, ".", "/"))
	if err != nil {
		return ""
	}
	start, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || int(port) >= start {
		return ""
	}
	return fmt.Sprintf("ports below %d need CAP_NET_BIND_SERVICE, or %s = %d", start, setting, port)
}

// missing names the first directory on the way to a path that does not exist.
func missing(dir string) string {
	for {
		up := filepath.Dir(dir)
		if _, err := os.Lstat(up); err == nil || up == dir {
			return fmt.Sprintf("there is no directory %s", dir)
		}
		dir = up
	}
}

// supers are the names that super-servers run under.
var supers = []string{"inetd", "xinetd", "openbsd-inetd", "inetutils-inetd", "rlinetd"}

// Holder names the process that keeps a socket from being opened because it has the
// address, or nothing. It stops looking at a time, and takes as long as there are
// processes.
func Holder(s sock.Spec, until time.Time) string {
	h, ok := occupant(s)
	if !ok {
		return ""
	}
	p, ok := sockdiag.Holder(h.Inode, until)
	switch {
	case !ok:
		return fmt.Sprintf("a process of user id %d has %s", h.UID, h.Local)
	case p.PID == 1 && p.Name == "systemd":
		return managed(socketUnit("/", s, h.Local), h.Local)
	case slices.Contains(supers, p.Name):
		return fmt.Sprintf("process %d (%s), another super-server, has %s", p.PID, p.Name, h.Local)
	}
	return fmt.Sprintf("process %d (%s) has %s", p.PID, p.Name, h.Local)
}

// managed says that a socket unit of systemd has an address.
func managed(unit string, at netip.AddrPort) string {
	if unit == "" {
		return fmt.Sprintf("a socket unit of systemd has %s: systemctl list-sockets names it", at)
	}
	return fmt.Sprintf("%s of systemd has %s: systemctl disable --now %s frees it", unit, at, unit)
}

// occupant is a socket that has the address of s, or all addresses with its port.
func occupant(s sock.Spec) (sockdiag.Socket, bool) {
	other := unix.AF_INET + unix.AF_INET6 - s.Family
	for _, family := range []uint8{s.Family, other} {
		q := sockdiag.Query{Family: family, Protocol: uint8(s.Protocol), States: []sockdiag.State{sockdiag.Listen}, Port: s.Addr.Port()}
		if !s.Listens() {
			q.States = []sockdiag.State{sockdiag.Close, sockdiag.Established}
		}
		list, err := sockdiag.Dump(q)
		if err != nil {
			continue
		}
		for _, h := range list {
			here, there := s.Addr.Addr(), h.Local.Addr()
			if here.IsUnspecified() || there.IsUnspecified() || here.WithZone("").Unmap() == there {
				return h, true
			}
		}
	}
	return sockdiag.Socket{}, false
}
