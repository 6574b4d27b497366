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
// program, begun after a time, that is not the child of parent. 0: there is none, or
// it may not be looked at.
func Background(path string, since time.Time, parent int) (pid int) {
	program, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0
	}
	begun := sinceBoot(since)
	for _, pid := range processes() {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || exe != program {
			continue
		}
		if ppid, start := statOf(pid); ppid != parent && start >= begun {
			return pid
		}
	}
	return 0
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

// statOf returns the parent of a process, and when that was begun after the boot.
func statOf(pid int) (ppid int, start time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return 0, 0
	}
	ppid, _ = strconv.Atoi(string(fields[1]))
	ticks, _ := strconv.ParseInt(string(fields[19]), 10, 64)
	return ppid, time.Duration(ticks) * tick
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
