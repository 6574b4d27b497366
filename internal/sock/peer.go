package sock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is a socket address as the kernel gives it. It costs no allocation.
type Address struct {
	raw unix.RawSockaddrAny
	len uint32
}

// Family returns the address family, or unix.AF_UNSPEC if there is no address.
func (a *Address) Family() int {
	if a.len == 0 {
		return unix.AF_UNSPEC
	}
	return int(a.raw.Addr.Family)
}

// AddrPort returns the Internet address; an IPv4 address written as IPv6 is returned as
// IPv4. It is invalid for other families.
func (a *Address) AddrPort() netip.AddrPort {
	switch a.Family() {
	case unix.AF_INET:
		r := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(r.Addr), port(&r.Port))
	case unix.AF_INET6:
		r := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.raw))
		addr := netip.AddrFrom16(r.Addr).Unmap()
		if r.Scope_id != 0 {
			addr = addr.WithZone(zoneName(r.Scope_id))
		}
		return netip.AddrPortFrom(addr, port(&r.Port))
	}
	return netip.AddrPort{}
}

// CID returns the context id of the machine at a vsock address, and otherwise
// unix.VMADDR_CID_ANY.
func (a *Address) CID() uint32 {
	if a.Family() != unix.AF_VSOCK {
		return unix.VMADDR_CID_ANY
	}
	return (*unix.RawSockaddrVM)(unsafe.Pointer(&a.raw)).Cid
}

// port reads a port, which is in network order in memory.
func port(p *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:])
}

// zoneName returns an interface's name, as an address has it: fe80::1%eth0.
func zoneName(id uint32) string {
	if ifi, err := net.InterfaceByIndex(int(id)); err == nil {
		return ifi.Name
	}
	return strconv.Itoa(int(id))
}

func zoneID(name string) (uint32, error) {
	if name == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifi, err := net.InterfaceByName(name)
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return 0, call
	case err != nil:
		return 0, fmt.Errorf("there is no interface %s", name)
	}
	return uint32(ifi.Index), nil
}

// Local stores the address that fd is bound to.
func Local(fd int, a *Address) error {
	a.len = uint32(unsafe.Sizeof(a.raw))
	_, _, e := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(unsafe.Pointer(&a.len)))
	if e != 0 {
		a.len = 0
		return e
	}
	return nil
}

// Accept takes the next connection and stores its peer's address. The
// descriptor is blocking, whatever the listening socket is. The error is a bare
// errno; EAGAIN: none is waiting.
func Accept(fd int, peer *Address) (conn int, err error) {
	peer.len = uint32(unsafe.Sizeof(peer.raw))
	// RawSyscall: the call does not block, for the socket is non-blocking.
	n, _, e := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&peer.raw)), uintptr(unsafe.Pointer(&peer.len)), unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		peer.len = 0
		return -1, e
	}
	return int(n), nil
}

// Credentials returns who is at the other end of a connection to a unix socket,
// as of its connect(2). Pid is 0 if the kernel does not say.
func Credentials(conn int) unix.Ucred {
	c, err := unix.GetsockoptUcred(conn, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return unix.Ucred{}
	}
	return *c
}
