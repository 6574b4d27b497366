package sock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Head identifies the datagram at the head of a socket's queue without taking
// it: by the time, in ns, at which it arrived or was first looked at by Head.
// It is 0 if there is none.
func Head(fd int) int64 {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) != nil {
		return 0
	}
	defer unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 0)
	var control [256]byte
	_, n, _, _, err := unix.Recvmsg(fd, nil, control[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	if err != nil {
		return 0
	}
	list, _ := unix.ParseSocketControlMessage(control[:n])
	for _, m := range list {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS {
			return (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano()
		}
	}
	return 0
}

// Untouched reports whether nobody has received anything from an Internet
// datagram socket since it was made: only then the kernel has no time of
// arrival to tell.
func Untouched(fd int) bool {
	var ts unix.Timespec
	_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGSTAMPNS, uintptr(unsafe.Pointer(&ts)))
	return e == unix.ENOENT
}

// Queued is the number of connections that a listening TCP socket has ready for
// accept, and -1 if the kernel does not tell.
func Queued(fd int) int {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return -1
	}
	return int(info.Unacked) // of a listening socket (tcp_get_info)
}
