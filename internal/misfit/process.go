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

// Background looks for a process that a server has left behind: one with the same
// program, begun after a time and then orphaned. 0: there is none, or it may not be
// looked at. The server was started by this process.
func Background(path string, since time.Time) (pid int) {
	program, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0
	}
	begun, group, elders := sinceBoot(since), cgroup(os.Getpid()), ancestors()
	for _, pid := range processes() {
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

// ancestors are the processes of which one becomes the parent of an orphan that comes
// from this process (PR_SET_CHILD_SUBREAPER(2const)). They have children of their own
// too; but a shell's are in its session, and those of systemd in other control groups.
func ancestors() map[int]bool {
	list := map[int]bool{1: os.Getpid() != 1} // also where it has come into a container from outside
	for pid := os.Getppid(); pid > 0 && !list[pid]; pid = statOf(pid).parent {
		list[pid] = true
	}
	return list
}

// cgroup is the control groups of a process; "" if that cannot be known.
func cgroup(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	return string(text)
}

// processes are the numbers of those that /proc shows.
func processes() (pids []int) {
	dirs, err := filepath.Glob("/proc/[1-9]*")
	if err != nil {
		return nil
	}
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tick is the unit of /proc/PID/stat, USER_HZ.
const tick = 10 * time.Millisecond

// sinceBoot is the time from the boot to t, in whole ticks.
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

// Listens names the TCP port at which a process listens, as "8080", or nothing. A port
// that the kernel has chosen does not count: a server of FTP opens such for its
// client.
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

// firstChosen is the lowest port that the kernel chooses.
func firstChosen() (port int) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 1 << 15
	}
	fmt.Sscan(string(text), &port)
	return port
}
