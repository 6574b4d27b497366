package sock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Adopt takes over a socket that somebody else has opened, bound and made to listen: it
// moves the socket to a descriptor of at least floor and returns the Spec that Open would
// have needed. After an error fd is closed.
func Adopt(fd, floor int) (s Spec, high int, err error) {
	s, err = identify(fd)
	if err != nil {
		unix.Close(fd)
		return Spec{}, -1, err
	}
	if high, err = raise(fd, floor); err == nil {
		unix.CloseOnExec(high)
	}
	return s, high, err
}

var errNoListener = errors.New("it does not listen for connections")

// identify returns the Spec of a socket that is ready for clients.
func identify(fd int) (s Spec, err error) {
	var domain, kind, protocol, listening int
	for _, o := range []struct {
		value  *int
		option int
	}{{&domain, unix.SO_DOMAIN}, {&kind, unix.SO_TYPE}, {&protocol, unix.SO_PROTOCOL}, {&listening, unix.SO_ACCEPTCONN}} {
		if *o.value, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, o.option); err != nil {
			return s, os.NewSyscallError("getsockopt", err)
		}
	}
	s = Spec{Family: uint8(domain), Type: uint8(kind), Protocol: uint16(protocol)}
	if s.Listens() && listening == 0 {
		return s, errNoListener
	}
	switch domain {
	case unix.AF_INET, unix.AF_INET6:
		return s, s.internet(fd)
	}
	switch sa, err := unix.Getsockname(fd); a := sa.(type) {
	case *unix.SockaddrUnix:
		return UnixSpec(s.Type, a.Name), nil
	case *unix.SockaddrVM:
		return VsockSpec(s.Type, a.Port), nil
	default:
		return s, os.NewSyscallError("getsockname", err)
	}
}

// internet fills in the address of an Internet socket.
func (s *Spec) internet(fd int) error {
	var local Address
	if err := Local(fd, &local); err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	s.Addr = local.AddrPort()
	if s.Family == unix.AF_INET6 && s.Addr.Addr().IsUnspecified() {
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		s.Dual = err == nil && only == 0
	}
	return nil
}
