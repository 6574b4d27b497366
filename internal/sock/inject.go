package sock

import (
	"encoding/binary"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Injector puts datagrams back into the queues of this machine's UDP sockets: it sends
// them again over the loopback device, with their senders as the source. The kernel then
// delivers each to the socket that suits it best now, as if it had just arrived. Nothing
// leaves the machine, and the reverse path filter does not apply: a looped packet keeps
// the route it was sent by.
type Injector struct {
	v4, v6 int
	no6    error // why there is no v6
}

// NewInjector makes an Injector with descriptors of at least floor. It needs
// CAP_NET_RAW; without it the error is EPERM. IPv6 may be absent.
func NewInjector(floor int) (*Injector, error) {
	v4, err := raw(unix.AF_INET, floor)
	if err != nil {
		return nil, err
	}
	v6, err := raw6(floor)
	return &Injector{v4, v6, err}, nil
}

// raw opens a socket of IPPROTO_RAW, which receives nothing: one of
// IPPROTO_UDP would get a copy of every datagram of the machine.
func raw(family, floor int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return raise(fd, floor)
}

// raw6 opens a socket for which the kernel makes IPv6 headers, checksums and fragments:
// the longest datagrams with their headers exceed the MTU of lo.
func raw6(floor int) (int, error) {
	fd, err := raw(unix.AF_INET6, floor)
	if err != nil {
		return -1, err
	}
	for _, o := range []struct {
		name          string
		option, value int
	}{
		{"IPV6_HDRINCL", unix.IPV6_HDRINCL, 0},
		{"IPV6_CHECKSUM", unix.IPV6_CHECKSUM, checksumOffset},
		{"IPV6_TRANSPARENT", unix.IPV6_TRANSPARENT, 1}, // any source address
	} {
		if err := setInt(fd, unix.IPPROTO_IPV6, o.option, o.value, o.name); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// Close closes the descriptors.
func (j *Injector) Close() {
	unix.Close(j.v4)
	if j.no6 == nil {
		unix.Close(j.v6)
	}
}

// Inject has a datagram of up to 65,507 (IPv4) or 65,527 bytes arrive at to, an address
// of this machine, as if from had sent it. Both addresses are of one family.
func (j *Injector) Inject(from, to netip.AddrPort, b []byte) error {
	if from.Addr().Is4() {
		return j.inject4(from, to, b)
	}
	return j.inject6(from, to, b)
}

// The headers of IPv4 (RFC 791) and UDP (RFC 768).
const (
	ip4Header      = 20
	udpHeader      = 8
	checksumOffset = 6
)

func (j *Injector) inject4(from, to netip.AddrPort, b []byte) error {
	src, dst := from.Addr().As4(), to.Addr().As4()
	var h [ip4Header + udpHeader]byte
	h[0] = 4<<4 | ip4Header/4
	h[8] = 64 // time to live
	h[9] = unix.IPPROTO_UDP
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	// The kernel adds the length, an id and the header's checksum (raw(7)). The checksum
	// of UDP stays 0, which means none.
	putUDP(h[ip4Header:], from, to, len(b))
	_, err := unix.SendmsgBuffers(j.v4, [][]byte{h[:], b}, nil, &unix.SockaddrInet4{Addr: dst}, unix.MSG_DONTWAIT)
	return os.NewSyscallError("sendmsg", err)
}

func (j *Injector) inject6(from, to netip.AddrPort, b []byte) error {
	if j.no6 != nil {
		return j.no6
	}
	zone, err := zoneID(to.Addr().Zone())
	if err != nil {
		return err
	}
	var h [udpHeader]byte
	putUDP(h[:], from, to, len(b))
	// For an IPPROTO_RAW socket that makes no headers itself, the port of the address is
	// the protocol of the packet.
	dst := &unix.SockaddrInet6{Addr: to.Addr().As16(), ZoneId: zone, Port: unix.IPPROTO_UDP}
	source := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: from.Addr().As16(), Ifindex: zone})
	_, err = unix.SendmsgBuffers(j.v6, [][]byte{h[:], b}, source, dst, unix.MSG_DONTWAIT)
	return os.NewSyscallError("sendmsg", err)
}

func putUDP(h []byte, from, to netip.AddrPort, size int) {
	binary.BigEndian.PutUint16(h, from.Port())
	binary.BigEndian.PutUint16(h[2:], to.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(udpHeader+size))
}
