package gc

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Mappings are the parts of the process's memory that Trim gives back.
type Mappings struct {
	program []span // the program's own file, mapped for reading alone
	data    []span // memory of no file
}

// span is a range of addresses.
type span struct{ from, to uintptr }

// ReadMappings reads /proc/self/maps. Without that file there is nothing to
// trim.
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
		case mode == "rw-p" && (len(strings.Fields(line)) == 5 || strings.Contains(line, " [anon:")): // some kernels know names
			m.data = append(m.data, s)
		}
	}
	return m
}

// Trim drops the pages of the program's file, most of which hold code that ran
// once. They stay in the page cache and come back when they are needed. It also
// keeps the kernel from huge pages, each of which would be 2 MiB for a few KiB
// that are in use.
func (m Mappings) Trim() {
	advise(m.data, unix.MADV_NOHUGEPAGE)
	advise(m.program, unix.MADV_DONTNEED)
}

func advise(spans []span, advice uintptr) {
	for _, s := range spans {
		unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, advice)
	}
}
