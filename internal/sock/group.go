package sock

import (
	"cmp"
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

var errNoMulticast = errors.New("join: no interface has multicast")

// Join has the datagram socket of a multicast address join the group: on the interface of
// the address's zone, on the one that the socket is bound to (SO_BINDTODEVICE), or else
// on all that are up and have multicast. Groups that it is in already stay. Join returns
// on how many interfaces the socket is in the group, and the first error of the others.
// For other sockets it does nothing.
func Join(fd int, s Spec) (joined int, err error) {
	if !s.Group() {
		return 0, nil
	}
	on, err := s.interfaces(fd)
	if err != nil {
		return 0, err
	}
	for _, index := range on {
		switch failed := join(fd, s, index); {
		case failed == nil, failed == unix.EADDRINUSE:
			joined++
		case err == nil:
			err = os.NewSyscallError("join", failed)
		}
	}
	return joined, err
}

// joinAny is Join, with no error if the socket is in the group on some interface.
func joinAny(fd int, s Spec) error {
	joined, err := Join(fd, s)
	if joined > 0 {
		return nil
	}
	return err
}

// Group reports whether s is a datagram socket of a multicast address.
func (s Spec) Group() bool { return s.Type == unix.SOCK_DGRAM && s.Addr.Addr().IsMulticast() }

// interfaces returns the numbers of the interfaces to join a group on, at least one.
func (s Spec) interfaces(fd int) (on []int, err error) {
	device, _ := unix.GetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE)
	if zone, err := zoneID(cmp.Or(s.Addr.Addr().Zone(), device)); err != nil || zone != 0 {
		return []int{int(zone)}, err
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagUp != 0 {
			on = append(on, i.Index)
		}
	}
	if len(on) == 0 {
		return nil, errNoMulticast
	}
	return on, nil
}

func join(fd int, s Spec, index int) error {
	group := s.Addr.Addr()
	if group.Is4() {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)})
	}
	return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)})
}
