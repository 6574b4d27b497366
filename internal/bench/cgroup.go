package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// cgroup is a control group (version 2) that holds one daemon and all it
// started: it counts their CPU time, also of those that have gone, and kills
// them all.
type cgroup struct{ dir string }

// newCgroup makes an empty group below the root of the version 2 hierarchy.
// What an earlier run left in a group of this name is killed.
func newCgroup(name string) (cgroup, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return cgroup{}, err
	}
	root, ok := cgroup2Mount(string(text))
	if !ok {
		return cgroup{}, errors.New("no cgroup2 file system is mounted")
	}
	g := cgroup{filepath.Join(root, name)}
	if err := g.remove(); err != nil {
		return cgroup{}, err
	}
	return g, os.Mkdir(g.dir, 0o755)
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

// usage returns the CPU time that the processes of the group have used.
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
	// The kernel says EBUSY until the last of them is gone.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			return err
		}
	}
}
