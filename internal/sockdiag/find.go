package sockdiag

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Find returns the TCP socket of this network namespace to which the kernel gives a
// segment from one address to another: that of the connection, or else the one that
// listens. If from is not valid only the latter is looked for. The bool is false if there
// is none. A connection that no process has accepted yet has no Inode and no UID.
func Find(from, to netip.AddrPort) (Socket, bool, error) {
	fd, err := ask(exact(from, to))
	if err != nil {
		return Socket{}, false, err
	}
	defer unix.Close(fd)
	b := make([]byte, 1<<12)
	n, _, err := unix.Recvfrom(fd, b, 0)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(fd, b, 0)
	}
	if err != nil {
		return Socket{}, false, os.NewSyscallError("recvfrom", err)
	}
	list, _, err := parse(nil, b[:n])
	if errors.Is(err, unix.ENOENT) || err == nil && len(list) == 0 {
		return Socket{}, false, nil
	}
	if err != nil {
		return Socket{}, false, err
	}
	return list[0], true, nil
}

// exact returns a request for one socket, whose local address is the one that the segment
// goes to.
func exact(from, to netip.AddrPort) []byte {
	q := Query{Family: unix.AF_INET, Protocol: unix.IPPROTO_TCP}
	if to.Addr().Unmap().Is6() {
		q.Family = unix.AF_INET6
	}
	b := request(q)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	id := b[headerSize+8:]
	binary.BigEndian.PutUint16(id, to.Port())
	binary.BigEndian.PutUint16(id[2:], from.Port())
	copy(id[4:20], to.Addr().Unmap().AsSlice())
	if from.IsValid() {
		copy(id[20:36], from.Addr().Unmap().AsSlice())
	}
	binary.NativeEndian.PutUint32(id[36:], device(to.Addr().Zone()))
	const anyCookie = 1<<64 - 1
	binary.NativeEndian.PutUint64(id[40:], anyCookie)
	return b
}

// device returns the number of the interface of a zone; 0: any.
func device(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}
