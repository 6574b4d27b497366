package relay

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confine gives up what a relay does not need, as far as the kernel has a way: new
// privileges, being looked into, every file, every port of TCP but one. What is left
// is to carry bytes from the descriptors it is handed to the place.
func confine(c Config) {
	unix.Prctl(unix.PR_SET_NAME, address("inetd-relay\x00"), 0, 0, 0)
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// Both are of a thread, and Go's runtime has started some. A program with cgo,
	// as tests with -race are, cannot do that for all of them, and goes on without.
	if _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return
	}
	if ruleset := landlock(c); ruleset >= 0 {
		syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
		unix.Close(ruleset)
	}
}

// landlockRuleNetPort is LANDLOCK_RULE_NET_PORT of the kernel.
const landlockRuleNetPort = 2

func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// rights are what a version of Landlock can forbid; see landlock(7).
type rights struct {
	Files, Net, Scope uint64
}

// The rights of version 1 are 13 bits, 2 has one more, and so on.
func rightsOf(version int) rights {
	r := rights{Files: 1<<13 - 1}
	if version >= 2 {
		r.Files |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		r.Files |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		r.Net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		r.Files |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		r.Scope = unix.LANDLOCK_SCOPE_SIGNAL
	}
	return r
}

// landlock makes a set of rules: no file and no port of TCP but that of the place.
// It returns -1 where the kernel has no Landlock. A place that is named by a host
// takes the files and the port that names are looked up with.
func landlock(c Config) int {
	version, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return -1
	}
	r := rightsOf(int(version))
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r), 0)
	if e != 0 {
		return -1
	}
	if c.Network == "tcp" && r.Net != 0 {
		allowPort(int(fd), portOf(c.Address))
	}
	if c.named() {
		allowPort(int(fd), 53)
		for _, path := range []string{"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"} {
			allowBeside(int(fd), path)
		}
	}
	return int(fd)
}

// named reports whether the place is to be looked up.
func (c Config) named() bool {
	_, err := netip.ParseAddrPort(c.Address)
	return c.Network == "tcp" && err != nil
}

func portOf(address string) uint64 {
	n, _ := strconv.ParseUint(address[strings.LastIndexByte(address, ':')+1:], 10, 16)
	return n
}

func allowPort(ruleset int, port uint64) {
	rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, port}
	unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), landlockRuleNetPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
}

// allowBeside lets the files of a directory be read in which a file lies: it may be
// replaced by another one.
func allowBeside(ruleset int, path string) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return
	}
	defer dir.Close()
	var rule [12]byte // struct landlock_path_beneath_attr is packed
	*(*uint64)(unsafe.Pointer(&rule[0])) = unix.LANDLOCK_ACCESS_FS_READ_FILE
	*(*int32)(unsafe.Pointer(&rule[8])) = int32(dir.Fd())
	unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
}
