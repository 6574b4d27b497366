package gc

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Mappings are the parts of the process's memory that Trim advises the kernel about.
type Mappings struct {
	program []span // the program's own file, mapped read-only
	data    []span // anonymous memory
}

// span is a range of addresses.
type span struct{ from, to uintptr }

// ReadMappings reads /proc/self/maps. Without that file there is nothing to trim.
func ReadMappings() (m Mappings) {
	exe, err := os.Readlink("/proc/self/exe")
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var s span
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &s.from, &s.to, &mode); n != 3 {
			continue
		}
		switch {
		case err == nil && mode[1] == '-' && strings.HasSuffix(line, " "+exe+"\n"):
			m.program = append(m.program, s)
		case mode == "rw-p" && (len(strings.Fields(line)) == 5 || strings.Contains(line, " [anon:")): // some kernels name anonymous memory
			m.data = append(m.data, s)
		}
	}
	return m
}

// Trim drops the pages of the program's file from memory, most of which hold code that
// ran once. They stay in the page cache and come back when needed. It also keeps the
// kernel from using huge pages, each of which takes 2 MiB for a few KiB in use.
func (m Mappings) Trim() {
	advise(m.data, unix.MADV_NOHUGEPAGE)
	advise(m.program, unix.MADV_DONTNEED)
}

func advise(spans []span, advice uintptr) {
	for _, s := range spans {
		unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, advice)
	}
}
