package relay

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ps(1) shows the name of the first thread, and only an init function surely runs on it.
func init() {
	if len(os.Args) > 1 && os.Args[1] == Flag {
		unix.Prctl(unix.PR_SET_NAME, address("inetd-relay\x00"), 0, 0, 0)
	}
}

// confine gives up what a relay does not need, as far as the kernel supports it: new
// privileges, being inspected by others, signals to others, every file, and every TCP port
// but one. The relay can still carry bytes between the descriptors it is handed and the place.
func confine(c Config) {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// What follows applies to a thread, and Go's runtime has started several.
	switch _, _, e := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); {
	case e == unix.ENOTSUP:
		confineByExec(c)
		return
	case e != 0:
		return
	}
	if ruleset := landlock(c); ruleset >= 0 {
		syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
		unix.Close(ruleset)
	}
}

// confinedEnv is set in the environment of a program that confineByExec has executed.
const confinedEnv = "INETD_RELAY_CONFINED"

// confineByExec confines a program with C code in it, such as a test with -race, in which Go
// cannot make a system call on all threads. One thread confines itself and executes the
// program again, whose threads all descend from that one. Files that are mapped now, such as
// libraries, stay readable: the program loads them again.
func confineByExec(c Config) {
	if os.Getenv(confinedEnv) != "" {
		return
	}
	runtime.LockOSThread()
	unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	ruleset := landlock(c)
	if ruleset < 0 {
		return
	}
	allow(ruleset, "/etc/ld.so.cache", unix.LANDLOCK_ACCESS_FS_READ_FILE)
	allow(ruleset, "/proc/self/environ", unix.LANDLOCK_ACCESS_FS_READ_FILE) // where the race detector finds GORACE
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); len(f) == 6 {
			allow(ruleset, f[5], unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_EXECUTE)
		}
	}
	unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0)
	unix.Close(ruleset)
	syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), confinedEnv+"=yes"))
}

// landlockRuleNetPort is LANDLOCK_RULE_NET_PORT of the kernel.
const landlockRuleNetPort = 2

func address(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }

// rights is the kernel's struct landlock_ruleset_attr: what rules forbid; see landlock(7).
type rights struct {
	Files, Net, Scope uint64
}

// rightsOf returns what a version of Landlock can forbid and no relay needs.
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

// landlock returns a new ruleset: no file, and no TCP port but that of the place. If the
// place is given by a host name, what is needed to look it up is allowed too. The caller
// closes the descriptor. It is -1 if the kernel has no Landlock.
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

// named reports whether the place is given by a host name, which must be looked up.
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

// allowBeside allows reading all that is below the directory of a file, as the file itself
// may be replaced by a new one.
func allowBeside(ruleset int, path string) {
	if path, err := filepath.EvalSymlinks(path); err == nil {
		allow(ruleset, filepath.Dir(path), unix.LANDLOCK_ACCESS_FS_READ_FILE)
	}
}

// allow grants rights to a file, or to all that is below a directory, if path exists.
func allow(ruleset int, path string, rights uint64) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var rule [12]byte // struct landlock_path_beneath_attr is packed
	*(*uint64)(unsafe.Pointer(&rule[0])) = rights
	*(*int32)(unsafe.Pointer(&rule[8])) = int32(fd)
	unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
}
