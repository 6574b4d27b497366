// Package sock opens the sockets that services listen on and takes connections
// and datagrams from them. In goes a Spec; out comes a listening descriptor,
// and from that accepted descriptors with the addresses of both ends. It knows
// neither services nor children.
//
// Descriptors are plain numbers, close-on-exec and owned by the caller.
package sock

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unique"

	"golang.org/x/sys/unix"
)

// Spec identifies a socket: two equal Specs are served by the same socket. A
// Spec can be a map key. It is small, because there are thousands.
type Spec struct {
	Family   uint8                 // unix.AF_INET, AF_INET6, AF_UNIX or AF_VSOCK
	Type     uint8                 // unix.SOCK_STREAM, ...
	Dual     bool                  // AF_INET6: also takes IPv4 clients, so V6ONLY is off
	Protocol uint16                // unix.IPPROTO_TCP, ...; 0: the default of family and type
	Addr     netip.AddrPort        // of an Internet socket
	name     unique.Handle[string] // path of a unix socket, port of a vsock socket, number of an RPC program
}

// UnixSpec is the Spec of a unix socket at a path; "@name" is in the abstract
// name space.
func UnixSpec(kind uint8, path string) Spec {
	return Spec{Family: unix.AF_UNIX, Type: kind, name: unique.Make(path)}
}

// VsockSpec is the Spec of a socket between virtual machines and their host (vsock(7)).
func VsockSpec(kind uint8, port uint32) Spec {
	return Spec{Family: unix.AF_VSOCK, Type: kind, name: unique.Make(strconv.FormatUint(uint64(port), 10))}
}

// OfProgram returns s as the Spec of the socket of an ONC RPC program. The kernel chooses
// its port: the port of Addr is 0.
func (s Spec) OfProgram(number uint32) Spec {
	s.name = unique.Make(strconv.FormatUint(uint64(number), 10))
	return s
}

// Path returns the path of a unix socket, and "" for others.
func (s Spec) Path() string {
	if s.Family != unix.AF_UNIX {
		return ""
	}
	return s.name.Value()
}

// Options are what can be changed on an open socket.
type Options struct {
	SndBuf, RcvBuf int    // bytes; 0: as it is
	Backlog        int    // listen queue
	Blocking       bool   // a wait server expects a blocking socket
	Defer          bool   // accept only once the client has sent something (TCP_DEFER_ACCEPT)
	Reply          bool   // datagrams are answered by Packet.Reply
	Connect        bool   // senders of datagrams get sockets of their own, by Packet.Connect
	Mode           uint32 // of a unix path
	UID, GID       int    // of a unix path; -1: unchanged
	Tuning         Tuning
}

// String returns the address as logs show it.
func (s Spec) String() string {
	switch s.Family {
	case unix.AF_UNIX:
		return s.Path()
	case unix.AF_VSOCK:
		return "vsock:" + s.name.Value()
	}
	if s.name != (unique.Handle[string]{}) {
		return fmt.Sprintf("program %s at %s", s.name.Value(), s.Addr.Addr())
	}
	if s.Addr.Addr().IsUnspecified() && !s.Dual {
		return fmt.Sprintf("%s:%d", map[bool]string{true: "0.0.0.0", false: "[::]"}[s.Family == unix.AF_INET], s.Addr.Port())
	}
	return s.Addr.String()
}

// Comes reports whether the address of s may come and go: it is that of an
// interface other than the loopback one.
func (s Spec) Comes() bool {
	a := s.Addr.Addr()
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback()
}

// Listens reports whether clients connect to a socket of this type.
func (s Spec) Listens() bool {
	return s.Type == unix.SOCK_STREAM || s.Type == unix.SOCK_SEQPACKET || s.Type == unix.SOCK_DCCP
}

// Conflicts reports whether two Internet sockets may be in each other's way: they have
// the same port of the same protocol.
func (s Spec) Conflicts(t Spec) bool {
	return s.Type == t.Type && s.Protocol == t.Protocol && s.Addr.Port() == t.Addr.Port() && s.Addr.IsValid() && t.Addr.IsValid()
}

// Open opens and binds a socket, listens on it where its type has connections, and moves
// it to a descriptor of at least floor. ours is the file that it makes at the path of s.
// The error names the system call that failed, as in "bind: address already in use".
func Open(s Spec, o Options, floor int) (fd int, ours File, err error) {
	fd, err = unix.Socket(int(s.Family), int(s.Type)|unix.SOCK_CLOEXEC, int(s.Protocol))
	if err != nil {
		return -1, File{}, os.NewSyscallError("socket", err)
	}
	if fd, err = raise(fd, floor); err != nil {
		return -1, File{}, err
	}
	if ours, err = set(fd, s, o); err != nil {
		unix.Close(fd)
		return -1, File{}, err
	}
	return fd, ours, nil
}

// raise moves a descriptor to a number of at least floor.
func raise(fd, floor int) (int, error) {
	if fd >= floor {
		return fd, nil
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor)
	unix.Close(fd)
	return high, os.NewSyscallError("fcntl", err)
}

// set makes a new socket ready for clients.
func set(fd int, s Spec, o Options) (ours File, err error) {
	if err := before(fd, s); err != nil {
		return File{}, err
	}
	if err := Apply(fd, s, o); err != nil {
		return File{}, err
	}
	if o.Connect { // servers of an earlier daemon may still have such sockets
		if err := Share(fd, true); err != nil {
			return File{}, err
		}
	}
	if s.HasPath() {
		ours, err = bindPath(fd, s, o)
	} else {
		err = bind(fd, s)
	}
	if err == nil {
		err = joinAny(fd, s)
	}
	switch {
	case err != nil:
		return File{}, err
	case o.Connect:
		return ours, Share(fd, false)
	}
	return ours, Listen(fd, s, o)
}

// Listen makes a socket of a type with connections listen, or changes the
// length of its queue.
func Listen(fd int, s Spec, o Options) error {
	if !s.Listens() {
		return nil
	}
	return os.NewSyscallError("listen", unix.Listen(fd, o.Backlog))
}

// Close closes a socket that Open opened, and removes its path if the file there is still
// ours.
func Close(fd int, s Spec, ours File) {
	if s.HasPath() {
		Remove(s, ours)
	}
	unix.Close(fd)
}

// before sets what must be set before bind.
func before(fd int, s Spec) error {
	if s.Family == unix.AF_INET || s.Family == unix.AF_INET6 {
		if s.Listens() { // on datagram sockets it would let others share the port
			if err := setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1, "SO_REUSEADDR"); err != nil {
				return err
			}
		}
	}
	if s.Family != unix.AF_INET6 {
		return nil
	}
	only := 1
	if s.Dual {
		only = 0
	}
	// Always explicit: the kernel's default is an administrator's choice.
	return setInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only, "IPV6_V6ONLY")
}

// Apply sets the options that can change while a socket is open.
func Apply(fd int, s Spec, o Options) error {
	if err := o.Tuning.apply(fd, s); err != nil {
		return err
	}
	if o.SndBuf > 0 {
		if err := setInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SndBuf, "SO_SNDBUF"); err != nil {
			return err
		}
	}
	if o.Connect && o.RcvBuf == 0 {
		setRoom(fd)
	}
	if o.RcvBuf > 0 {
		if err := setInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, o.RcvBuf, "SO_RCVBUF"); err != nil {
			return err
		}
	}
	if s.Type == unix.SOCK_STREAM && s.Protocol == unix.IPPROTO_TCP {
		seconds := 0
		if o.Defer {
			seconds = deferSeconds
		}
		if err := setInt(fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, seconds, "TCP_DEFER_ACCEPT"); err != nil {
			return err
		}
	}
	if o.Reply || o.Connect {
		if err := setReply(fd, s); err != nil {
			return err
		}
	}
	return os.NewSyscallError("fcntl", unix.SetNonblock(fd, !o.Blocking))
}

// setReply asks for the destination of each datagram. A dual socket needs both options:
// an IPv4 destination in the form of IPv6 does not tell that it is a broadcast.
func setReply(fd int, s Spec) error {
	switch s.Family {
	case unix.AF_INET:
		return setInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO")
	case unix.AF_INET6:
		if s.Dual {
			if err := setInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "IP_PKTINFO"); err != nil {
				return err
			}
		}
		return setInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO")
	}
	return nil
}

// setRoom makes room for the datagrams that arrive while servers are being started. It
// goes past the administrator's limit (net.core.rmem_max), which is meant for users.
func setRoom(fd int) {
	const room = 1 << 20 // the kernel doubles it, and counts 768 bytes for the smallest datagram
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room) // as far as allowed
	}
}

// deferSeconds is how long the kernel waits for the client's first bytes before
// it hands the connection over without them.
const deferSeconds = 30

func setInt(fd, level, option, value int, name string) error {
	return os.NewSyscallError("setsockopt "+name, unix.SetsockoptInt(fd, level, option, value))
}

// bind binds a socket that has no path.
func bind(fd int, s Spec) error {
	switch s.Family {
	case unix.AF_UNIX:
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: s.Path()}))
	case unix.AF_VSOCK:
		port, err := strconv.ParseUint(s.name.Value(), 10, 32)
		if err != nil {
			return err
		}
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrVM{CID: unix.VMADDR_CID_ANY, Port: uint32(port)}))
	case unix.AF_INET:
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet4{Port: int(s.Addr.Port()), Addr: s.Addr.Addr().As4()}))
	}
	zone, err := zoneID(s.Addr.Addr().Zone())
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrInet6{Port: int(s.Addr.Port()), Addr: s.Addr.Addr().As16(), ZoneId: zone}))
}

// NoSuchFamily reports whether an error of Open says that this kernel lacks the
// family, type or protocol.
func NoSuchFamily(err error) bool {
	for _, e := range []syscall.Errno{unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ESOCKTNOSUPPORT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
