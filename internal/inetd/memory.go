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

// compact copies the services of a plan and all they consist of into a few
// blocks of memory. Made one by one between the garbage of a load they would
// keep many times their size from being given back.
func (p *plan) compact() {
	sockets, text := 0, 0
	for _, v := range p.services {
		sockets += len(v.sockets)
		text += len(v.label)
	}
	services, socks, refs := make([]service, len(p.services)), make([]socket, sockets), make([]*socket, sockets)
	var labels strings.Builder
	labels.Grow(text)
	for i, v := range p.services {
		start := labels.Len()
		labels.WriteString(v.label)
		w := &services[i]
		*w = *v
		w.label = labels.String()[start:]
		for j, k := range v.sockets {
			socks[j], refs[j] = *k, &socks[j]
			socks[j].svc = w
		}
		n := len(v.sockets)
		w.sockets, socks, refs = refs[:n:n], socks[n:], refs[n:]
		p.services[i] = w
	}
}
