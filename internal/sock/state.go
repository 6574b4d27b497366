package sock

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// State is what is wrong with an open socket that a server has had, or whose interface
// has gone. The zero State means that nothing is wrong.
type State struct {
	Deaf        bool // it no longer listens, or was shut down: no client reaches it
	Away        bool // the interface of its address is another one now
	Connected   bool // a datagram socket that hears one peer only
	NonBlocking bool // although a wait server is promised a blocking socket
}

// Look returns the state of a socket that Open opened with these options.
func Look(fd int, s Spec, o Options) (st State) {
	st.Deaf = deaf(fd)
	if s.Type == unix.SOCK_DGRAM {
		_, err := unix.Getpeername(fd)
		st.Connected = err == nil
	}
	st.Away = Away(fd, s)
	if o.Blocking {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		st.NonBlocking = err == nil && flags&unix.O_NONBLOCK != 0
	}
	return st
}

// deaf reports whether a socket was shut down. SO_ACCEPTCONN does not say so of
// UNIX-domain sockets.
func deaf(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0
}

// Relisten makes a socket that was shut down listen again, and reports whether it does.
// Only TCP can; the clients in its queue are lost.
func Relisten(fd int, s Spec, o Options) bool {
	return s.Listens() && Listen(fd, s, o) == nil && !deaf(fd)
}

// Away reports whether a socket is bound to an address of an interface that has gone and
// come back: with the same name it has another number. While it is gone, Away is false.
func Away(fd int, s Spec) bool {
	if s.Addr.Addr().Zone() == "" {
		return false
	}
	var a Address
	if Local(fd, &a) != nil || a.Family() != unix.AF_INET6 {
		return false
	}
	id, err := zoneID(s.Addr.Addr().Zone())
	return err == nil && id != (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw)).Scope_id
}

// Disconnect undoes connect on a datagram socket, which keeps its address and what is in
// its queue.
func Disconnect(fd int) error {
	sa := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	if e != 0 {
		return os.NewSyscallError("connect", e)
	}
	return nil
}
