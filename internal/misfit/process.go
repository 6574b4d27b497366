package misfit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"inetd/internal/sockdiag"
)

// Background returns a process that a server of this process has left behind: one with
// the same program, begun after a time and then orphaned. It is 0 if there is none, or if
// it may not be looked at.
func Background(path string, since time.Time) (pid int) {
	program, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0
	}
	begun, group, elders := sinceBoot(since), cgroup(os.Getpid()), ancestors()
	for _, pid := range sockdiag.Processes() {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != program {
			continue
		}
		st := statOf(pid)
		if st.begun >= begun && elders[st.parent] && st.session != statOf(st.parent).session && cgroup(pid) == group {
			return pid
		}
	}
	return 0
}

// ancestors returns the processes one of which becomes the parent of an orphan from this
// process (PR_SET_CHILD_SUBREAPER(2const)). They have children of their own too; but a
// shell's are in its session, and those of systemd in other control groups.
func ancestors() map[int]bool {
	list := map[int]bool{1: os.Getpid() != 1} // also if this process has come into a container from outside
	for pid := os.Getppid(); pid > 0 && !list[pid]; pid = statOf(pid).parent {
		list[pid] = true
	}
	return list
}

// cgroup returns the control groups of a process; "" if they cannot be known.
func cgroup(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	return string(text)
}

// tick is the unit of /proc/PID/stat, USER_HZ.
const tick = 10 * time.Millisecond

// sinceBoot returns the time from the boot to t, in whole ticks.
func sinceBoot(t time.Time) time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return (time.Duration(now.Nano()) - time.Since(t)).Truncate(tick)
}

// stat is what /proc/PID/stat tells of a process.
type stat struct {
	parent, session int
	begun           time.Duration // after the boot
}

// statOf returns the stat of a process; the zero one if it is gone.
func statOf(pid int) (st stat) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}
	}
	st.parent, _ = strconv.Atoi(string(fields[1]))
	st.session, _ = strconv.Atoi(string(fields[3]))
	ticks, _ := strconv.ParseInt(string(fields[19]), 10, 64)
	st.begun = time.Duration(ticks) * tick
	return st
}

// Listens returns the TCP port at which a process listens, as "8080", or "". A port that
// the kernel has chosen does not count: an FTP server opens such a port for its client.
func Listens(pid int) string {
	open := sockdiag.Inodes(pid)
	if len(open) == 0 {
		return ""
	}
	chosen := firstChosen()
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		list, err := sockdiag.Dump(sockdiag.Query{Family: family, Protocol: unix.IPPROTO_TCP, States: []sockdiag.State{sockdiag.Listen}})
		if err != nil {
			return ""
		}
		for _, k := range list {
			if port := k.Local.Port(); open[k.Inode] && int(port) < chosen {
				return strconv.Itoa(int(port))
			}
		}
	}
	return ""
}

// firstChosen returns the lowest port that the kernel chooses.
func firstChosen() (port int) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 1 << 15
	}
	fmt.Sscan(string(text), &port)
	return port
}
