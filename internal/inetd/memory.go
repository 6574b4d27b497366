package inetd

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// shrink gives back what a load has used: garbage of many times the size of its
// result, and the mapped pages of the program's own file, most of which hold
// code that ran once. The latter stay in the page cache and come back by
// themselves when they are needed.
func shrink() {
	debug.SetGCPercent(100)
	debug.FreeOSMemory()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer f.Close()
	exe, _ := os.Readlink("/proc/self/exe")
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var from, to uintptr
		var mode string
		line := lines.Text()
		if !strings.HasSuffix(line, " "+exe) {
			continue
		}
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n == 3 && mode[1] == '-' {
			unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}

// blocks is where services and sockets are made. Made one by one between the
// garbage of a load they would keep many times their size from being given back.
type blocks struct {
	services []service
	sockets  []socket
	refs     []*socket
	labels   strings.Builder
}

const (
	blockSize  = 64 // objects
	labelsSize = 4096
)

func (b *blocks) service(label string, do *action) *service {
	if len(b.services) == cap(b.services) {
		b.services = make([]service, 0, blockSize)
	}
	b.services = append(b.services, service{label: b.label(label), do: do})
	return &b.services[len(b.services)-1]
}

func (b *blocks) socket(k socket) *socket {
	if len(b.sockets) == cap(b.sockets) {
		b.sockets = make([]socket, 0, blockSize)
	}
	b.sockets = append(b.sockets, k)
	return &b.sockets[len(b.sockets)-1]
}

// list returns an empty list with room for n sockets.
func (b *blocks) list(n int) []*socket {
	if len(b.refs) < n {
		b.refs = make([]*socket, max(n, blockSize))
	}
	list := b.refs[:0:n]
	b.refs = b.refs[n:]
	return list
}

// label copies a string, which may be part of a file's text.
func (b *blocks) label(s string) string {
	if b.labels.Cap()-b.labels.Len() < len(s) {
		b.labels = strings.Builder{}
		b.labels.Grow(max(len(s), labelsSize))
	}
	start := b.labels.Len()
	b.labels.WriteString(s)
	return b.labels.String()[start:]
}
