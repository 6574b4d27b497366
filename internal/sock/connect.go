package sock

import (
	"net/netip"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Asked returns the local address that the datagram was sent to, with the port of s,
// whose socket received it. For a broadcast that is the address of the interface, and for
// an IPv6 group that s is bound to, the address that an answer would come from. For other
// IPv6 multicast, and where the kernel does not say, it is the address of s.
func (p *Packet) Asked(s Spec) netip.AddrPort {
	addr := s.Addr.Addr()
	v4, v6 := p.info()
	switch {
	case v4 != nil:
		addr = netip.AddrFrom4(v4.Spec_dst)
	case v6 != nil && !netip.AddrFrom16(v6.Addr).IsMulticast():
		addr = zoned(netip.AddrFrom16(v6.Addr).Unmap(), v6.Ifindex)
	case v6 != nil && s.Group():
		if from, err := source(&p.Peer); err == nil {
			addr = zoned(from, v6.Ifindex)
		}
	}
	return netip.AddrPortFrom(addr, s.Addr.Port())
}

// zoned returns an address with the interface that a link-local one needs.
func zoned(addr netip.Addr, index uint32) netip.Addr {
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		return addr.WithZone(strconv.Itoa(int(index)))
	}
	return addr
}

// source returns the address that the kernel chooses for datagrams to an IPv6 peer.
func source(peer *Address) (netip.Addr, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netip.Addr{}, err
	}
	defer unix.Close(fd)
	if err := Connect(fd, peer); err != nil {
		return netip.Addr{}, err
	}
	var local Address
	err = Local(fd, &local)
	return local.AddrPort().Addr().WithZone(""), err
}

// Connect makes a socket for the sender of a datagram alone: bound to the
// address that was asked and connected to the sender, so that the kernel
// prefers it for all further datagrams between the two. fd is the socket of s
// that the datagram came from, opened with Options.Connect; it stays as it is.
// The new descriptor is at least floor and blocking; it may already hold
// datagrams, also of others, that arrived before it was connected.
func (p *Packet) Connect(fd int, s Spec, o Options, floor int) (conn int, err error) {
	conn, err = unix.Socket(int(s.Family), int(s.Type)|unix.SOCK_CLOEXEC, int(s.Protocol))
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if conn, err = raise(conn, floor); err != nil {
		return -1, err
	}
	if err = p.bindBeside(conn, fd, s); err == nil {
		err = Connect(conn, &p.Peer)
	}
	if err == nil {
		o.Connect, o.Blocking = false, true
		err = Apply(conn, s, o)
	}
	if err != nil {
		unix.Close(conn)
		return -1, err
	}
	return conn, nil
}

// bindBeside binds conn, beside fd, to the address that Asked returns. Until conn is
// connected the kernel gives it everybody's datagrams, so it gets room for them first.
func (p *Packet) bindBeside(conn, fd int, s Spec) error {
	if err := before(conn, s); err != nil {
		return err
	}
	setRoom(conn)
	if err := Share(conn, true); err != nil {
		return err
	}
	if err := Share(fd, true); err != nil {
		return err
	}
	s.Addr = p.Asked(s)
	err := bind(conn, s)
	if again := Share(fd, false); err == nil {
		err = again
	}
	return err
}

// Share lets other datagram sockets be bound to the address of fd, or no longer. Both
// sockets must consent, and with SO_REUSEPORT both must be of one user as well: with
// SO_REUSEADDR anybody could come between a service and its clients.
func Share(fd int, on bool) error {
	value := 0
	if on {
		value = 1
	}
	return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, value, "SO_REUSEPORT")
}

// Connect connects a datagram socket to a peer, whose address the kernel has given.
func Connect(fd int, peer *Address) error {
	_, _, e := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&peer.raw)), uintptr(peer.len))
	if e != 0 {
		return os.NewSyscallError("connect", e)
	}
	return nil
}

// StopReceiving makes a connected datagram socket receive nothing more, so that what its
// peer sends goes to another socket: it connects the socket to itself. What has arrived
// can still be received.
func StopReceiving(fd int) error {
	var self Address
	if err := Local(fd, &self); err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	return Connect(fd, &self)
}
