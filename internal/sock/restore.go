package sock

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// option is a socket option that a server may leave changed on the socket lent to it.
type option struct {
	level, number int
	name          string
}

// lasting are the options that outlive the server that sets them. Connections inherit
// those of their listening socket.
var lasting = []option{
	{unix.SOL_SOCKET, unix.SO_REUSEADDR, "SO_REUSEADDR"},
	{unix.SOL_SOCKET, unix.SO_REUSEPORT, "SO_REUSEPORT"},
	{unix.SOL_SOCKET, unix.SO_BROADCAST, "SO_BROADCAST"},
	{unix.SOL_SOCKET, unix.SO_KEEPALIVE, "SO_KEEPALIVE"},
	{unix.SOL_SOCKET, unix.SO_OOBINLINE, "SO_OOBINLINE"},
	{unix.SOL_SOCKET, unix.SO_DONTROUTE, "SO_DONTROUTE"},
	{unix.SOL_SOCKET, unix.SO_LINGER, "SO_LINGER"},
	{unix.SOL_SOCKET, unix.SO_MARK, "SO_MARK"},
	{unix.SOL_SOCKET, unix.SO_RCVLOWAT, "SO_RCVLOWAT"},
	{unix.SOL_SOCKET, unix.SO_RCVTIMEO, "SO_RCVTIMEO"},
	{unix.SOL_SOCKET, unix.SO_SNDTIMEO, "SO_SNDTIMEO"},
	{unix.SOL_SOCKET, unix.SO_TIMESTAMP, "SO_TIMESTAMP"},
	{unix.SOL_SOCKET, unix.SO_PASSCRED, "SO_PASSCRED"},
	{unix.IPPROTO_IP, unix.IP_TOS, "IP_TOS"},
	{unix.SOL_SOCKET, unix.SO_PRIORITY, "SO_PRIORITY"}, // IP_TOS sets it too
	{unix.IPPROTO_IP, unix.IP_TTL, "IP_TTL"},
	{unix.IPPROTO_IP, unix.IP_FREEBIND, "IP_FREEBIND"},
	{unix.IPPROTO_IP, unix.IP_PKTINFO, "IP_PKTINFO"},
	{unix.IPPROTO_IP, unix.IP_RECVTTL, "IP_RECVTTL"},
	{unix.IPPROTO_IP, unix.IP_RECVTOS, "IP_RECVTOS"},
	{unix.IPPROTO_IP, unix.IP_RECVERR, "IP_RECVERR"},
	{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, "IP_MTU_DISCOVER"},
	{unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, "IP_MULTICAST_TTL"},
	{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, "IP_MULTICAST_LOOP"},
	{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, "IPV6_TCLASS"},
	{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, "IPV6_FREEBIND"},
	{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, "IPV6_RECVHOPLIMIT"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, "IPV6_RECVTCLASS"},
	{unix.IPPROTO_IPV6, unix.IPV6_RECVERR, "IPV6_RECVERR"},
	{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, "IPV6_MTU_DISCOVER"},
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, "IPV6_MULTICAST_HOPS"},
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, "IPV6_MULTICAST_LOOP"},
	{unix.IPPROTO_TCP, unix.TCP_NODELAY, "TCP_NODELAY"},
	{unix.IPPROTO_TCP, unix.TCP_CORK, "TCP_CORK"},
	{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, "TCP_KEEPIDLE"},
	{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, "TCP_KEEPINTVL"},
	{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, "TCP_KEEPCNT"},
	{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"},
	{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT"},
	{unix.IPPROTO_TCP, unix.TCP_CONGESTION, "TCP_CONGESTION"},
	{unix.IPPROTO_TCP, unix.TCP_FASTOPEN, "TCP_FASTOPEN"},
}

// Restore gives a socket that a server has had the options that Open gives it, and
// returns the names of those that had changed. The socket also leaves multicast groups
// and drops its filter. What is in its queue stays. Restore takes some 100 system calls,
// about 30 µs.
func Restore(fd int, s Spec, o Options) (changed []string) {
	fresh, err := unix.Socket(int(s.Family), int(s.Type)|unix.SOCK_CLOEXEC, int(s.Protocol))
	if err != nil {
		return nil
	}
	defer unix.Close(fresh)
	if before(fresh, s) != nil || Apply(fresh, s, o) != nil {
		return nil
	}
	for _, p := range lasting {
		if p.level != unix.SOL_SOCKET && !s.has(p.level) {
			continue
		}
		is, was := p.get(fd), p.get(fresh)
		if is != was && was != "" && p.set(fd, was) == nil {
			changed = append(changed, p.name)
		}
	}
	changed = append(changed, restoreBuffers(fd, fresh)...)
	changed = append(changed, restoreMemory(fd, fresh, s)...)
	Join(fd, s) // in case the server has left the group
	return changed
}

// has reports whether a socket has the options of a level.
func (s Spec) has(level int) bool {
	switch level {
	case unix.IPPROTO_IP:
		return s.Family == unix.AF_INET || s.Dual
	case unix.IPPROTO_IPV6:
		return s.Family == unix.AF_INET6
	}
	return s.Family != unix.AF_UNIX && int(s.Protocol) == level
}

// get returns the bytes of an option, and "" if the socket does not have it.
func (p option) get(fd int) string {
	var b [32]byte
	n := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(p.level), uintptr(p.number), uintptr(unsafe.Pointer(&b)), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return ""
	}
	return string(b[:n])
}

func (p option) set(fd int, value string) error {
	return unix.SetsockoptString(fd, p.level, p.number, value)
}

// bufLock is SO_BUF_LOCK (Linux 5.15): which buffer sizes were set, and do not adapt.
const bufLock = 72

// restoreBuffers gives a socket the buffer sizes of another one. The kernel doubles
// what is set.
func restoreBuffers(fd, fresh int) (changed []string) {
	for _, p := range []option{{unix.SOL_SOCKET, unix.SO_SNDBUF, "SO_SNDBUF"}, {unix.SOL_SOCKET, unix.SO_RCVBUF, "SO_RCVBUF"}} {
		is, err := unix.GetsockoptInt(fd, p.level, p.number)
		was, err2 := unix.GetsockoptInt(fresh, p.level, p.number)
		if err == nil && err2 == nil && is != was && unix.SetsockoptInt(fd, p.level, p.number, was/2) == nil {
			changed = append(changed, p.name)
		}
	}
	if locks, err := unix.GetsockoptInt(fresh, unix.SOL_SOCKET, bufLock); err == nil && changed != nil {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, bufLock, locks)
	}
	return changed
}

// restoreMemory drops what the kernel keeps for a socket besides its queues: a
// filter, and the groups that it has joined.
func restoreMemory(fd, fresh int, s Spec) (changed []string) {
	own := kept(fresh)
	if kept(fd) <= own {
		return nil
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) == nil {
		changed = append(changed, "a filter")
	}
	if kept(fd) > own && leave(fd, s) {
		changed = append(changed, "groups")
	}
	return changed
}

// kept is how many bytes the kernel keeps for the options of a socket
// (SK_MEMINFO_OPTMEM).
func kept(fd int) uint32 {
	const optmem = 6
	info := option{unix.SOL_SOCKET, unix.SO_MEMINFO, ""}.get(fd)
	if len(info) < 4*(optmem+1) {
		return 0
	}
	return binary.NativeEndian.Uint32([]byte(info[4*optmem:]))
}

// leave has a socket leave the groups that this machine is in, but for the one that
// it is bound to. It reports whether the socket was in one.
func leave(fd int, s Spec) (left bool) {
	own := s.Addr.Addr()
	for index, group := range groups4() {
		for _, g := range group {
			r := unix.IPMreqn{Multiaddr: g, Ifindex: int32(index)}
			if own.Is4() && own.As4() == g {
				continue
			}
			left = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, &r) == nil || left
		}
	}
	for _, r := range groups6() {
		if own.Is6() && own.As16() == r.Multiaddr {
			continue
		}
		left = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_LEAVE_GROUP, &r) == nil || left
	}
	return left
}

// groups4 returns the IPv4 multicast groups of this machine by the numbers of its
// interfaces. In the file an interface has a line "2  eth0  :  1  V3", and each of its
// groups an indented line below, with the address in hexadecimal as it lies in memory.
func groups4() map[int][][4]byte {
	list, index := map[int][][4]byte{}, 0
	for line := range lines("/proc/net/igmp") {
		word := strings.Fields(line)[0]
		if line[0] != '\t' {
			index, _ = strconv.Atoi(word)
			continue
		}
		if raw, err := strconv.ParseUint(word, 16, 32); err == nil {
			var g [4]byte
			binary.NativeEndian.PutUint32(g[:], uint32(raw))
			list[index] = append(list[index], g)
		}
	}
	return list
}

// groups6 returns the IPv6 groups of this machine, a line each: "2  eth0  ff02…  1 …".
func groups6() (list []unix.IPv6Mreq) {
	for line := range lines("/proc/net/igmp6") {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		index, err := strconv.ParseUint(words[0], 10, 32)
		b, err2 := hex.DecodeString(words[2])
		if err == nil && err2 == nil && len(b) == 16 {
			list = append(list, unix.IPv6Mreq{Multiaddr: [16]byte(b), Interface: uint32(index)})
		}
	}
	return list
}

// lines yields the lines of a file that are not blank.
func lines(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		for in := bufio.NewScanner(f); in.Scan(); {
			if line := in.Text(); strings.TrimSpace(line) != "" && !yield(line) {
				return
			}
		}
	}
}
