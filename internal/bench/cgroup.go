package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// cgroup is the directory of a control group (version 2) that holds one daemon
// and all processes it started. The group counts their CPU time, even of those
// that have ended, and can kill them all.
type cgroup struct{ dir string }

// cgroupName is the prefix of the name of each group that a run makes.
const cgroupName = "inetd-bench-"

// newCgroup makes an empty group at the top of the version 2 hierarchy.
func newCgroup(name string) (cgroup, error) {
	root, err := cgroupRoot()
	if err != nil {
		return cgroup{}, err
	}
	g := cgroup{filepath.Join(root, cgroupName+name)}
	return g, os.Mkdir(g.dir, 0o755)
}

func cgroupRoot() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	root, ok := cgroup2Mount(string(text))
	if !ok {
		return "", errors.New("no cgroup2 file system is mounted")
	}
	return root, nil
}

// removeLeftovers kills the daemons of an earlier run that was itself killed.
func removeLeftovers() error {
	root, err := cgroupRoot()
	if err != nil {
		return err
	}
	dirs, err := filepath.Glob(filepath.Join(root, cgroupName+"*"))
	for _, dir := range dirs {
		err = errors.Join(err, cgroup{dir}.remove())
	}
	return err
}

// open returns a descriptor of the group for clone's CLONE_INTO_CGROUP.
func (g cgroup) open() (*os.File, error) { return os.Open(g.dir) }

// pids returns the processes of the group.
func (g cgroup) pids() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	return integers(string(text))
}

// usage returns the CPU time that all processes of the group have used so far.
func (g cgroup) usage() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	return cpuUsage(string(text))
}

// remove kills the processes of the group and removes it. A group that does
// not exist is fine.
func (g cgroup) remove() error {
	err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kill processes: %w", err)
	}
	// The kernel says EBUSY until the last process is gone.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
	}
}
