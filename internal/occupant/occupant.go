// Package occupant says who answers at a place: whether that is the server of an entry,
// which was to listen there, or somebody who has taken the place before it. In goes a
// connection to the place; out comes an Owner, and from that, the user and the session
// of the server, a verdict.
//
// A port above 1023 and a path in a directory that others may write to are anybody's.
// Whoever listens there first would have the clients of the entry, and what they say.
package occupant

import (
	"fmt"
	"net/netip"
	"time"

	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// Owner is whose socket answers, as far as the kernel says.
type Owner struct {
	Known bool   // false: it is none of this machine, or the kernel has no way to tell
	UID   uint32 // who has made the socket
	PID   int32  // who has called listen(2), at a UNIX-domain socket; 0: not known
	Inode uint64 // of the socket; 0: not known
}

// OwnerOf returns the owner of the other end of a connection. What is accepted belongs to
// who has accepted it, and what is not to who listens. So the answer holds for this very
// connection, and not for the one after it.
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
	if accepted.Inode == 0 || listens.Inode != 0 && listens.UID == accepted.UID { // which lasts longer
		return Owner{Known: err == nil && listens.Inode != 0, UID: listens.UID, Inode: listens.Inode}
	}
	return Owner{Known: true, UID: accepted.UID, Inode: accepted.Inode}
}

// endOf is an address of TCP; invalid if it is another.
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

// Is reports whether the place is not somebody else's: its owner is the user of the
// entry, or root, who could have the clients anyway. What is not known is let pass.
func (o Owner) Is(user uint32) bool { return !o.Known || o.UID == user || o.UID == 0 }

// Process returns the process that has the socket, if this one may know it. It reads
// /proc until a time.
func (o Owner) Process(until time.Time) (p sockdiag.Process, ok bool) {
	if o.Inode == 0 {
		return sockdiag.Named(int(o.PID))
	}
	return sockdiag.Holder(o.Inode, until)
}

// maxDepth bounds the way up from a process to the first one.
const maxDepth = 64

// Within reports whether a process is of a session, or descends from the process that
// has begun it. A server that gives up its privileges is found so: its user is another.
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
