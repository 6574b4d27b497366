// Package machine finds out what the load of a configuration needs to know of this machine
// and this process. Nothing goes in; out comes a plan.Host. It also reads the load average.
package machine

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"inetd/internal/hosts"
	"inetd/internal/plan"

	"golang.org/x/sys/unix"
)

// Host returns a Host with what any process can find out. What few configurations need
// is found out when it is first asked for. The caller fills in how servers are started
// (Clone), and how getent(1) is asked (Getent).
func Host() *plan.Host {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil // then no identity is taken for the daemon's own
	}
	return &plan.Host{
		IPv6: IPv6(), UID: os.Geteuid(), GID: os.Getegid(), Groups: groups,
		MinOOMScore: minOOMScore(), HardLimits: hardLimits(), CPUs: runtime.NumCPU(),
		Interfaces: sync.OnceValue(interfaces), Addresses: sync.OnceValue(addresses), Congestions: sync.OnceValue(congestions),
		Hosts: hosts.New(net.DefaultResolver.LookupNetIP),
	}
}

// minOOMScore returns the lowest oom_score_adj that a child can be given: with
// CAP_SYS_RESOURCE any value, without it the value of this process.
func minOOMScore() int {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0 {
		return -1000
	}
	text, _ := os.ReadFile("/proc/self/oom_score_adj") // without /proc, assume the kernel's default, 0
	own, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return own
}

// hardLimits returns the hard limits of this process.
func hardLimits() []uint64 {
	limits := make([]uint64, len(plan.Resources))
	for i, resource := range plan.Resources {
		var own unix.Rlimit
		if unix.Getrlimit(resource, &own) != nil {
			own.Max = unix.RLIM_INFINITY // then the kernel refuses what is too much
		}
		limits[i] = own.Max
	}
	return limits
}

// interfaces returns the names of the network interfaces.
func interfaces() (names []string) {
	all, _ := net.Interfaces()
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

// addresses returns the addresses of all network interfaces.
func addresses() (list []netip.Addr) {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p.Addr())
		}
	}
	return list
}

// congestions returns the congestion controls of TCP that the kernel has loaded; nil if
// it does not tell.
func congestions() []string {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	return strings.Fields(string(text))
}

// IPv6 reports whether the kernel has IPv6. It opens a socket to find out, because that
// also loads IPv6 if the kernel has it as a module.
func IPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
