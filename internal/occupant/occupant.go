// Package occupant says who answers at a place: the server of an entry, which was to
// listen there, or somebody who took the place before it. In goes a connection to the
// place; out comes an Owner and, given the user and the session of the server, a verdict.
//
// A port above 1023, or a path in a directory that others may write to, is open to
// anybody. Whoever listens there first would get the clients of the entry, and what they
// say.
package occupant

import (
	"fmt"
	"net/netip"
	"time"

	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// Owner is the owner of the socket that answers, as far as the kernel tells.
type Owner struct {
	Known bool   // false: the socket is on another machine, or the kernel cannot tell
	UID   uint32 // the user who made the socket
	PID   int32  // the process that called listen(2), for a UNIX-domain socket; 0: not known
	Inode uint64 // of the socket; 0: not known
}

// OwnerOf returns the owner of the other end of a connection: whoever accepted it or,
// until then, whoever listens. The answer holds for this connection, and not for the
// next.
func OwnerOf(fd int) Owner {
	peer, err := unix.Getpeername(fd)
	if err != nil {
		return Owner{}
	}
	if _, local := peer.(*unix.SockaddrUnix); local {
		c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return Owner{}
		}
		return Owner{Known: true, UID: c.Uid, PID: c.Pid}
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return Owner{}
	}
	from, to := endOf(own), endOf(peer)
	if !to.IsValid() {
		return Owner{} // vsock(7)
	}
	accepted, known, err := sockdiag.Find(from, to)
	if err != nil || !known {
		return Owner{}
	}
	listens, _, err := sockdiag.Find(netip.AddrPort{}, to)
	if accepted.Inode == 0 || listens.Inode != 0 && listens.UID == accepted.UID { // the listening socket lasts longer
		return Owner{Known: err == nil && listens.Inode != 0, UID: listens.UID, Inode: listens.Inode}
	}
	return Owner{Known: true, UID: accepted.UID, Inode: accepted.Inode}
}

// endOf is the address of a TCP socket; invalid for another socket.
func endOf(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			addr = addr.WithZone(fmt.Sprint(a.ZoneId))
		}
		return netip.AddrPortFrom(addr, uint16(a.Port))
	}
	return netip.AddrPort{}
}

// Is reports whether the owner may be the server of an entry: its user, or root, who
// could get the clients anyway. An owner that is not known passes.
func (o Owner) Is(user uint32) bool { return !o.Known || o.UID == user || o.UID == 0 }

// Process returns the process that has the socket, if it can be seen. It reads /proc, but
// not for longer than until.
func (o Owner) Process(until time.Time) (p sockdiag.Process, ok bool) {
	if o.Inode == 0 {
		return sockdiag.Named(int(o.PID))
	}
	return sockdiag.Holder(o.Inode, until)
}

// maxDepth bounds the way up from a process to its ancestors.
const maxDepth = 64

// Within reports whether a process belongs to a session, or descends from the process
// that began it. So it finds a server that gave up its privileges: that has another user.
func Within(pid, session int) bool {
	for range maxDepth {
		if pid <= 1 || session <= 1 {
			return false
		}
		if sid, err := unix.Getsid(pid); pid == session || err == nil && sid == session {
			return true
		}
		pid = sockdiag.Parent(pid)
	}
	return false
}
