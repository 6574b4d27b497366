package inetd

import (
	"fmt"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"unsafe"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// shrink gives back what a load has used: garbage of many times the size of its
// result, and the mapped pages of the program's own file, most of which hold
// code that ran once. The latter stay in the page cache and come back by
// themselves when they are needed; those that a client needs come back now.
func (s *Server) shrink() {
	debug.SetGCPercent(100)
	debug.FreeOSMemory()
	pages := ownPages()
	s.mail.post(func() {
		s.rehearse() // the stack, which FreeOSMemory has cut, grows: pages that only this needs
		for _, m := range pages {
			unix.Syscall(unix.SYS_MADVISE, m[0], m[1]-m[0], unix.MADV_DONTNEED)
		}
		s.rehearse()
	})
}

// rehearse goes the way of a connection as far as it can without one.
func (s *Server) rehearse() {
	s.refreshAccounts()
	sock.Accept(-1, &s.peer)
	s.env = appendEnds(s.env[:0], nobody, nobody)
	s.processes[0] = s.record()
	s.forget(s.processes[0])
	delete(s.processes, 0)
	s.after(0, func() {})
}

var nobody = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)

// ownPages returns where the program's file is mapped, for reading alone.
func ownPages() (mapped [][2]uintptr) {
	exe, err := os.Readlink("/proc/self/exe")
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var mode string
		if err != nil || !strings.HasSuffix(line, " "+exe+"\n") {
			continue
		}
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n == 3 && mode[1] == '-' {
			mapped = append(mapped, [2]uintptr{from, to})
		}
	}
	return mapped
}

// blocks is where services and sockets are made. Made one by one between the
// garbage of a load they would keep many times their size from being given back.
type blocks struct {
	services []service
	sockets  []socket
	labels   strings.Builder
}

// blockSize is in bytes, one of the sizes that Go's allocator has.
const blockSize = 8192

func (b *blocks) service(label string, do *action) *service {
	if len(b.services) == cap(b.services) {
		b.services = make([]service, 0, blockSize/unsafe.Sizeof(service{}))
	}
	b.services = append(b.services, service{label: b.label(label), do: do})
	return &b.services[len(b.services)-1]
}

func (b *blocks) socket(k socket) *socket {
	if len(b.sockets) == cap(b.sockets) {
		b.sockets = make([]socket, 0, blockSize/unsafe.Sizeof(socket{}))
	}
	b.sockets = append(b.sockets, k)
	return &b.sockets[len(b.sockets)-1]
}

// label copies a string, which may be part of a file's text.
func (b *blocks) label(s string) string {
	if b.labels.Cap()-b.labels.Len() < len(s) {
		b.labels = strings.Builder{}
		b.labels.Grow(max(len(s), blockSize))
	}
	start := b.labels.Len()
	b.labels.WriteString(s)
	return b.labels.String()[start:]
}
