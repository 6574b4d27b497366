// Package netwatch tells when the interfaces or addresses of this machine have changed.
// In goes nothing; out comes a descriptor that is readable after a change.
package netwatch

import (
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a netlink socket (rtnetlink(7)) that hears of interfaces and addresses of
// both families. The descriptor is non-blocking, close-on-exec, and the caller's.
func Open() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	groups := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR}
	if err := unix.Bind(fd, groups); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

// batch is how many messages are taken at a time.
const batch = 64

// Drain drops the messages that have arrived at fd, or the first ones of many. What they
// say does not matter: some may have been lost, so the caller has to look at everything
// after any change.
func Drain(fd int) {
	var b [1]byte // the kernel drops the rest of a message
	for range batch {
		if _, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT); err != nil && err != unix.ENOBUFS && err != unix.EINTR {
			return
		}
	}
}
