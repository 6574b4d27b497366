// Package sockdiag asks the kernel about its sockets (sock_diag(7)). In go a family, a
// protocol, states and a local port; out come the sockets that fit, with their addresses,
// owners and inodes, and the process that has such an inode open. No descriptor is kept.
// Its calls take as long as the kernel's tables are long, so the event loop makes none.
package sockdiag

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// State is the state of a socket, numbered as in the kernel's tcp_states.h. A datagram
// socket that is not connected is in state Close.
type State uint8

// The states that callers ask for or are told, those of TCP (RFC 9293).
const (
	Established State = 1
	FinWait1    State = 4
	FinWait2    State = 5
	Close       State = 7
	CloseWait   State = 8
	LastAck     State = 9
	Listen      State = 10
	Closing     State = 11
)

// Query says which sockets are asked for.
type Query struct {
	Family   uint8 // unix.AF_INET or AF_INET6
	Protocol uint8 // unix.IPPROTO_TCP, IPPROTO_UDP, ...
	States   []State
	Port     uint16 // the local one; 0: any
	Times    bool   // for TCP: LastSent and LastReceived are wanted
}

// Socket is what the kernel says of one socket.
type Socket struct {
	State         State
	Local, Remote netip.AddrPort // IPv4 addresses as such, whatever the family; Remote is 0 if there is none
	UID           uint32         // of the user who made it
	Inode         uint64         // 0: no process has it open
	Cookie        uint64         // no other socket ever had it
	LastSent      time.Duration  // since data was sent, if asked for
	LastReceived  time.Duration  // since data was received, if asked for
}

// Dump returns the sockets of this network namespace that fit. The kernel may have
// changed them meanwhile.
func Dump(q Query) ([]Socket, error) {
	fd, err := ask(request(q))
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var list []Socket
	for b := make([]byte, 1<<15); ; {
		n, _, err := unix.Recvfrom(fd, b, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		}
		var done bool
		if list, done, err = parse(list, b[:n]); done || err != nil {
			return list, err
		}
	}
}

// ask sends a request, and returns the descriptor that the answer comes from.
func ask(request []byte) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("sendto", err)
	}
	return fd, nil
}

// The sizes of the kernel's structures.
const (
	headerSize  = unix.SizeofNlMsghdr
	requestSize = 56 // struct inet_diag_req_v2
	messageSize = 72 // struct inet_diag_msg
	attrHeader  = unix.SizeofNlAttr
)

const infoAttr = 2 // INET_DIAG_INFO

// request returns q as the kernel reads it.
func request(q Query) []byte {
	states := uint32(0)
	for _, s := range q.States {
		states |= 1 << s
	}
	b := make([]byte, 0, headerSize+requestSize)
	b = binary.NativeEndian.AppendUint32(b, headerSize+requestSize)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = append(b, make([]byte, 8)...) // sequence number and sender
	extensions := byte(0)
	if q.Times {
		extensions = 1 << (infoAttr - 1)
	}
	b = append(b, q.Family, q.Protocol, extensions, 0)
	b = binary.NativeEndian.AppendUint32(b, states)
	b = binary.BigEndian.AppendUint16(b, q.Port)
	return b[:headerSize+requestSize] // all else is zero: any
}

// ErrGarbled is the error of an answer that cannot be read.
var ErrGarbled = errors.New("sock_diag: garbled answer")

// parse adds the sockets of one datagram of the answer to list. done is true at the
// end of the answer.
func parse(list []Socket, b []byte) (_ []Socket, done bool, err error) {
	for len(b) >= headerSize {
		size := int(binary.NativeEndian.Uint32(b))
		if size < headerSize || size > len(b) {
			return list, true, ErrGarbled
		}
		body := b[headerSize:size]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return list, true, failure(body)
		case unix.SOCK_DIAG_BY_FAMILY:
			if len(body) < messageSize {
				return list, true, ErrGarbled
			}
			list = append(list, socket(body))
		}
		b = b[min(align(size), len(b)):]
	}
	return list, false, nil
}

// failure reads the error at the end of an answer.
func failure(b []byte) error {
	if len(b) < 4 {
		return ErrGarbled
	}
	if e := -int32(binary.NativeEndian.Uint32(b)); e > 0 {
		return os.NewSyscallError("sock_diag", unix.Errno(e))
	}
	return nil
}

// socket reads a struct inet_diag_msg and what follows it.
func socket(b []byte) Socket {
	s := Socket{
		State:  State(b[1]),
		Local:  address(b[0], b[4:], b[8:]),
		Remote: address(b[0], b[6:], b[24:]),
		Cookie: uint64(binary.NativeEndian.Uint32(b[44:])) | uint64(binary.NativeEndian.Uint32(b[48:]))<<32,
		UID:    binary.NativeEndian.Uint32(b[64:]),
		Inode:  uint64(binary.NativeEndian.Uint32(b[68:])),
	}
	for b = b[messageSize:]; len(b) >= attrHeader; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < attrHeader || size > len(b) {
			break
		}
		if binary.NativeEndian.Uint16(b[2:]) == infoAttr {
			s.LastSent, s.LastReceived = times(b[attrHeader:size])
		}
		b = b[min(align(size), len(b)):]
	}
	return s
}

// times reads tcpi_last_data_sent and tcpi_last_data_recv of a struct tcp_info.
func times(info []byte) (sent, received time.Duration) {
	const sentAt, receivedAt = 44, 52
	if len(info) < receivedAt+4 {
		return 0, 0
	}
	ms := func(at int) time.Duration {
		return time.Duration(binary.NativeEndian.Uint32(info[at:])) * time.Millisecond
	}
	return ms(sentAt), ms(receivedAt)
}

func address(family byte, port, addr []byte) netip.AddrPort {
	a := netip.AddrFrom4([4]byte(addr))
	if family == unix.AF_INET6 {
		a = netip.AddrFrom16([16]byte(addr)).Unmap()
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// align rounds up to the 4 bytes of netlink.
func align(n int) int { return (n + 3) &^ 3 }
