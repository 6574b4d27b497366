package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup2Mount returns where the cgroup hierarchy of version 2 is mounted, from
// the text of /proc/self/mountinfo.
func cgroup2Mount(mountinfo string) (dir string, ok bool) {
	for line := range strings.Lines(mountinfo) {
		// proc_pid_mountinfo(5): optional fields end with a lone hyphen.
		place, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(place)
		if len(fields) >= 5 && strings.HasPrefix(kind, "cgroup2 ") {
			return fields[4], true
		}
	}
	return "", false
}

// integers returns the numbers in a text.
func integers(text string) ([]int, error) {
	var list []int
	for _, word := range strings.Fields(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// cpuUsage reads the total of a cgroup's cpu.stat.
func cpuUsage(stat string) (time.Duration, error) {
	us, ok := value(stat, "usage_usec")
	if !ok {
		return 0, fmt.Errorf("no usage_usec in cpu.stat")
	}
	return time.Duration(us) * time.Microsecond, nil
}

// pss reads the proportional set size, in KiB, from a process's smaps_rollup.
func pss(smaps string) (int, error) {
	kib, ok := value(smaps, "Pss:")
	if !ok {
		return 0, fmt.Errorf("no Pss in smaps_rollup")
	}
	return kib, nil
}

// anonymous reads the size of the memory without a file, in KiB, likewise.
func anonymous(smaps string) (int, error) {
	kib, ok := value(smaps, "Anonymous:")
	if !ok {
		return 0, fmt.Errorf("no Anonymous in smaps_rollup")
	}
	return kib, nil
}

// value finds the line that starts with key and returns the number after it.
func value(text, key string) (int, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != key {
			continue
		}
		n, err := strconv.Atoi(fields[1])
		return n, err == nil
	}
	return 0, false
}

// cpuModel reads the name of the first processor from /proc/cpuinfo.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		key, name, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return "unknown processor"
}

// osName reads the name of the system from /etc/os-release.
func osName(release string) string {
	for s := bufio.NewScanner(strings.NewReader(release)); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return "unknown system"
}

// cpuTime returns the CPU time of all threads of a process, even of those that
// have ended. The kernel's clock of a process counts nanoseconds, whereas
// /proc/PID/stat counts ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	const cpuclockSched = 2 // clock_getcpuclockid(3): ~pid<<3 | CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &ts); err != nil {
		return 0, fmt.Errorf("cpu clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

func pssOf(pid int) (int, error) { return memoryOf(pid, pss) }

// memoryOf returns a figure that is read from a process's smaps_rollup.
func memoryOf(pid int, figure func(smaps string) (int, error)) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return figure(string(text))
}
