package inetd

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unsafe"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// loadRoom is how much memory, in bytes, a load may use before garbage is
// collected in its middle, which would only cost.
const loadRoom = 256 << 20

// holdCollections begins the time between a load and its shrink.
func holdCollections() {
	debug.SetMemoryLimit(loadRoom)
	debug.SetGCPercent(-1)
}

// shrink gives back what a load has used: garbage of many times the size of its
// result, and the mapped pages of the program's own file, most of which hold
// code that ran once. The latter stay in the page cache and come back by
// themselves when they are needed; those that a client needs come back now.
func (s *Server) shrink() {
	program, data := mappings()
	debug.FreeOSMemory()
	pace()
	s.pacing.Do(func() { eachCollection(pace) })
	s.mail.post(func() {
		s.rehearse() // the stack, which FreeOSMemory has cut, grows: pages that only this needs
		advise(data, unix.MADV_NOHUGEPAGE)
		advise(program, unix.MADV_DONTNEED)
		s.rehearse()
	})
}

// minHeap is the size, in bytes, from which on the heap is worth a collection.
const minHeap = 4 << 20

// pace has garbage collected when the heap has doubled. Go would do that by
// itself, but every two minutes as well, and for that an idle daemon would have
// megabytes of the program in memory again.
func pace() {
	const reserve = 1 << 20 // of the limit, which Go's collector keeps free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys - m.HeapSys + max(2*m.HeapAlloc, minHeap) + reserve))
}

// eachCollection calls f after each collection of garbage from now on.
func eachCollection(f func()) {
	garbage := new([2]*byte) // not so small that it would share its place with something in use
	runtime.AddCleanup(garbage, func(struct{}) {
		eachCollection(f) // before f, so that none is missed
		f()
	}, struct{}{})
}

// rehearse goes the way of a connection as far as it can without one, so that
// the pages of that way are in memory. It changes nothing.
func (s *Server) rehearse() {
	s.refreshAccounts()
	sock.Accept(-1, &s.peer) // fails
	s.env = appendEnds(s.env[:0], nobody, nobody)
	s.processes[0] = s.record() // no server has this id
	s.forget(s.processes[0])
	delete(s.processes, 0)
	s.after(0, func() {}) // as the sweep
}

var nobody = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)

// span is a range of addresses.
type span struct{ from, to uintptr }

// mappings returns where the program's file is mapped for reading alone, and
// where there is memory of no file. A huge page there would be 2 MiB for a few
// KiB that are in use.
func mappings() (program, data []span) {
	exe, err := os.Readlink("/proc/self/exe")
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var m span
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &m.from, &m.to, &mode); n != 3 {
			continue
		}
		switch {
		case err == nil && mode[1] == '-' && strings.HasSuffix(line, " "+exe+"\n"):
			program = append(program, m)
		case mode == "rw-p" && (len(strings.Fields(line)) == 5 || strings.Contains(line, " [anon:")): // some kernels know names
			data = append(data, m)
		}
	}
	return program, data
}

func advise(spans []span, advice uintptr) {
	for _, m := range spans {
		unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, advice)
	}
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
