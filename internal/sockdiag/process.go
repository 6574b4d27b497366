package sockdiag

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process that has a socket open.
type Process struct {
	PID  int
	Name string // as ps(1) shows it
}

// Holder returns the process with the lowest number that has the socket of an inode open.
// The bool is false if there is none, if this process may not look at it, or if it is not
// found by the time until.
func Holder(inode uint64, until time.Time) (Process, bool) {
	name := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	for _, pid := range Processes() {
		if time.Now().After(until) {
			return Process{}, false
		}
		if has(pid, name) {
			return Process{pid, command(pid)}, true
		}
	}
	return Process{}, false
}

// Processes returns the process ids that /proc shows, in ascending order.
func Processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// has reports whether a process has a file of that name open.
func has(pid int, name string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && to == name {
			return true
		}
	}
	return false
}

func command(pid int) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// Inodes returns the inodes of the sockets that a process has open.
func Inodes(pid int) map[uint64]bool {
	links, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd/*"))
	if err != nil {
		return nil
	}
	open := map[uint64]bool{}
	for _, link := range links {
		to, err := os.Readlink(link)
		text, isSocket := strings.CutPrefix(to, "socket:[")
		if inode, bad := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64); err == nil && isSocket && bad == nil {
			open[inode] = true
		}
	}
	return open
}

// Session returns the processes of a session, in ascending order.
func Session(id int) (pids []int) {
	for _, pid := range Processes() {
		if sid, err := unix.Getsid(pid); err == nil && sid == id {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Named returns the process of a number; false if there is none.
func Named(pid int) (Process, bool) {
	name := ""
	if pid > 0 {
		name = command(pid)
	}
	return Process{pid, name}, name != ""
}

// Parent returns the parent of a process; 0 if there is none.
func Parent(pid int) int {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // the name may hold anything
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
