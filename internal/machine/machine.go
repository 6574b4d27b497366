// Package machine finds out what the load of a configuration needs to know of this
// machine and this process. Nothing goes in; out comes a plan.Host.
package machine

import (
	"os"

	"inetd/internal/plan"

	"golang.org/x/sys/unix"
)

// Host returns a Host with what any process can find out. How servers are started,
// and what is asked of getent, is for the caller to fill in.
func Host() *plan.Host {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil // then no user is taken for the daemon's own
	}
	return &plan.Host{IPv6: IPv6(), UID: os.Geteuid(), GID: os.Getegid(), Groups: groups}
}

// IPv6 reports whether the kernel has IPv6. Opening a socket is the question that
// also loads the module of a kernel that has it as one.
func IPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
