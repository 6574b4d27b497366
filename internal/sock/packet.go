package sock

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Packet holds the addresses of one datagram: where it came from and, for a socket opened
// with Options.Reply or Connect, where it was sent to.
type Packet struct {
	Peer    Address
	control [96]byte // as received: the control messages with the destination
	length  int
}

// Receive takes the next datagram into b without blocking and returns its
// length.
func (p *Packet) Receive(fd int, b []byte) (int, error) { return p.receive(fd, b, 0) }

// Peek stores the addresses of the next datagram, which stays in the queue.
func (p *Packet) Peek(fd int) error {
	_, err := p.receive(fd, nil, unix.MSG_PEEK)
	return err
}

func (p *Packet) receive(fd int, b []byte, flags uintptr) (int, error) {
	iov := unix.Iovec{Base: unsafe.SliceData(b)}
	iov.SetLen(len(b))
	msg := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&p.Peer.raw)), Namelen: uint32(unsafe.Sizeof(p.Peer.raw)), Iov: &iov, Control: &p.control[0]}
	msg.SetIovlen(1)
	msg.SetControllen(len(p.control))
	n, _, e := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), flags|unix.MSG_DONTWAIT)
	if e != 0 {
		return 0, e
	}
	p.Peer.len = msg.Namelen
	p.length = int(msg.Controllen)
	return int(n), nil
}

// info returns the destination in the control messages, if there is one. For an IPv4
// datagram a dual socket has one of each kind.
func (p *Packet) info() (v4 *unix.Inet4Pktinfo, v6 *unix.Inet6Pktinfo) {
	for at := 0; at+unix.SizeofCmsghdr <= p.length; {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&p.control[at]))
		data := unsafe.Pointer(&p.control[at+unix.CmsgLen(0)])
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO:
			v4 = (*unix.Inet4Pktinfo)(data)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO:
			v6 = (*unix.Inet6Pktinfo)(data)
		}
		at += unix.CmsgSpace(int(h.Len) - unix.CmsgLen(0))
	}
	return v4, v6
}

// ToMany reports whether the datagram was sent to a broadcast or multicast
// address, so that many machines may have received it.
func (p *Packet) ToMany() bool {
	v4, v6 := p.info()
	switch {
	case v4 != nil: // the kernel gives a local address beside the one in the header
		return v4.Addr != v4.Spec_dst
	case v6 != nil:
		return netip.AddrFrom16(v6.Addr).IsMulticast()
	}
	return false
}

// Reply sends b to where the datagram came from, with the address it was sent
// to as the source, without blocking.
func (p *Packet) Reply(fd int, b []byte) error {
	v4, v6 := p.info()
	if v4 != nil {
		v4.Ifindex = 0 // routing decides; only the address matters
	}
	if v6 != nil && !netip.AddrFrom16(v6.Addr).IsLinkLocalUnicast() {
		v6.Ifindex = 0
	}
	iov := unix.Iovec{Base: unsafe.SliceData(b)}
	iov.SetLen(len(b))
	msg := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&p.Peer.raw)), Namelen: p.Peer.len, Iov: &iov}
	msg.SetIovlen(1)
	if p.length > 0 {
		msg.Control = &p.control[0]
		msg.SetControllen(p.length)
	}
	_, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if e != 0 {
		return e
	}
	return nil
}
