package ident

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// The structures of <linux/inet_diag.h> with their netlink header. Ports and
// addresses are in network byte order, everything else in that of the machine.
type (
	diagSocket struct {
		LocalPort, RemotePort [2]byte
		Local, Remote         [16]byte // an IPv4 address in the first four
		Ifindex               uint32
		Cookie                [2]uint32
	}
	diagRequest struct {
		Header                      unix.NlMsghdr
		Family, Protocol, Extras, _ uint8
		States                      uint32
		Socket                      diagSocket
	}
	diagReply struct {
		Header                        unix.NlMsghdr
		Family, State, Timer, Retrans uint8
		Socket                        diagSocket
		Expires, Receive, Send        uint32
		UID, Inode                    uint32
	}
)

const (
	anyCookie = ^uint32(0) // INET_DIAG_NOCOOKIE
	tcpListen = 10         // TCP_LISTEN of <linux/tcp_states.h>
)

// Owner returns the uid that owns this machine's end of the TCP connection between
// local and remote, both given as this machine sees them. ok is false if there is no
// such connection or no process has it open.
func Owner(local, remote netip.AddrPort) (uid uint32, ok bool) {
	request, ok := newRequest(local, remote)
	if !ok {
		return 0, false
	}
	reply, err := ask(request)
	if err != nil || reply.Header.Type != unix.SOCK_DIAG_BY_FAMILY {
		return 0, false
	}
	// If there is no such connection, the kernel finds the socket that listens there.
	// A connection that no process has open (still in the backlog, or closed but not
	// yet gone) has inode 0, and root as its owner.
	if reply.State == tcpListen || reply.Inode == 0 {
		return 0, false
	}
	return reply.UID, true
}

func newRequest(local, remote netip.AddrPort) (diagRequest, bool) {
	here, there := local.Addr().Unmap(), remote.Addr().Unmap()
	if !here.IsValid() || !there.IsValid() || here.Is4() != there.Is4() {
		return diagRequest{}, false
	}
	request := diagRequest{
		Header: unix.NlMsghdr{
			Len:   uint32(binary.Size(diagRequest{})),
			Type:  unix.SOCK_DIAG_BY_FAMILY,
			Flags: unix.NLM_F_REQUEST,
		},
		Family:   unix.AF_INET6,
		Protocol: unix.IPPROTO_TCP,
		Socket: diagSocket{
			Ifindex: ifindex(there.Zone()),
			Cookie:  [2]uint32{anyCookie, anyCookie},
		},
	}
	if here.Is4() {
		request.Family = unix.AF_INET
	}
	copy(request.Socket.Local[:], here.AsSlice())
	copy(request.Socket.Remote[:], there.AsSlice())
	binary.BigEndian.PutUint16(request.Socket.LocalPort[:], local.Port())
	binary.BigEndian.PutUint16(request.Socket.RemotePort[:], remote.Port())
	return request, true
}

// ifindex returns the number of the interface that is the zone of a link-local address,
// or 0.
func ifindex(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index)
	}
	return 0
}

// ask puts one question to the kernel. The answer is there when the call that asks
// returns, so there is nothing to wait for.
func ask(request diagRequest) (reply diagReply, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return reply, err
	}
	defer unix.Close(fd)
	message, err := binary.Append(nil, binary.NativeEndian, request)
	if err != nil {
		return reply, err
	}
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return reply, err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
	if err != nil {
		return reply, err
	}
	_, err = binary.Decode(buf[:n], binary.NativeEndian, &reply)
	return reply, err
}
