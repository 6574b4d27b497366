package sock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stamp returns when the datagram that was last received from an Internet socket, by
// whatever process, had arrived: it changes if and only if something is received. It is
// in ns, 0 if nothing has been received yet, and -1 if the kernel does not tell.
func Stamp(fd int) int64 {
	var ts unix.Timespec
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGSTAMPNS, uintptr(unsafe.Pointer(&ts)))
	switch e {
	case 0:
		return ts.Nano()
	case unix.ENOENT:
		return 0
	}
	return -1
}

// Queued returns the number of connections that a listening TCP socket has ready for
// accept, and -1 if the kernel does not tell.
func Queued(fd int) int {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return -1
	}
	return int(info.Unacked) // of a listening socket (tcp_get_info)
}
