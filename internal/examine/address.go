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

// Address is advice about a socket that could not be opened because of err; "" if there
// is none. For an address in use, see Holder.
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

// addresses names this machine's addresses of the same family as want, which is not one.
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

// privileged says what it takes to bind a port below the limit; "" for other ports.
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

// missing names the first directory in the path of dir that does not exist.
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

// Holder names the process whose socket has the address that s is to be opened at; "" if
// none is found. It looks at all processes, but not for longer than until.
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

// managed says which socket unit of systemd has an address; "": one that is not known.
func managed(unit string, at netip.AddrPort) string {
	if unit == "" {
		return fmt.Sprintf("a socket unit of systemd has %s: systemctl list-sockets names it", at)
	}
	return fmt.Sprintf("%s of systemd has %s: systemctl disable --now %s frees it", unit, at, unit)
}

// occupant finds a socket that has the address of s, or its port at all addresses.
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
