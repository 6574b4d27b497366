package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// deed is something that is done to the daemon, about once a second.
type deed struct {
	name    string
	what    func() error
	done    int
	refused int   // times that the machine or the daemon did not let it be done
	last    error // the last reason for that
}

func (e *deed) do() {
	if err := e.what(); err != nil {
		e.refused++
		e.last = err
		return
	}
	e.done++
}

// moment is how long a deed lasts.
const moment = time.Second

// deeds are all deeds, with a reload before each.
func (d *daemon) deeds() []*deed {
	n := 0
	reload := &deed{name: "reload with changed files", what: func() error {
		n++
		time.Sleep(moment)
		if err := d.change(n); err != nil {
			return err
		}
		return unix.Kill(d.pid(), unix.SIGHUP)
	}}
	var list []*deed
	for _, e := range []*deed{
		{name: "upgrade", what: d.upgrade},
		{name: "servers killed", what: d.killServers},
		{name: "syslog stalled", what: d.stallSyslog},
		{name: "descriptors run out", what: d.exhaustDescriptors},
		{name: "processes run out", what: d.exhaustProcesses},
		{name: "daemon stopped", what: d.stop},
	} {
		list = append(list, reload, e)
	}
	return list
}

func (d *daemon) upgrade() error {
	out, err := exec.Command(d.program, "--upgrade", "-p", d.path("inetd.pid")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// killServers starts servers whose clients expect no answer, and kills them.
func (d *daemon) killServers() error {
	for range 10 {
		c, err := net.Dial("tcp4", d.addr(6))
		if err != nil {
			return err
		}
		defer c.Close()
	}
	time.Sleep(moment / 4)
	return exec.Command("pkill", "-KILL", "-P", strconv.Itoa(d.pid()), "-x", "sleep").Run()
}

// stallSyslog stops reading the log for a while.
func (d *daemon) stallSyslog() error {
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	time.Sleep(2 * moment)
	return nil
}

// exhaustDescriptors limits the daemon to one descriptor more than it has.
func (d *daemon) exhaustDescriptors() error {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.pid()))
	if err != nil {
		return err
	}
	var before unix.Rlimit
	tight := unix.Rlimit{Cur: uint64(len(open) + 1)}
	if err := unix.Prlimit(d.pid(), unix.RLIMIT_NOFILE, nil, &before); err != nil {
		return err
	}
	tight.Max = before.Max
	if err := unix.Prlimit(d.pid(), unix.RLIMIT_NOFILE, &tight, nil); err != nil {
		return err
	}
	time.Sleep(moment)
	return unix.Prlimit(d.pid(), unix.RLIMIT_NOFILE, &before, nil)
}

// exhaustProcesses allows the daemon no more processes, by a control group.
func (d *daemon) exhaustProcesses() error {
	group := "/sys/fs/cgroup/pids/inetd-soak"
	if _, err := os.Stat(filepath.Dir(group)); err != nil {
		group = "/sys/fs/cgroup/inetd-soak"
	}
	if err := os.Mkdir(group, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	home, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", d.pid()))
	if err != nil {
		return err
	}
	defer disband(group, homeOf(string(home)))
	if err := write(group+"/cgroup.procs", d.pid()); err != nil {
		return err
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", d.pid()))
	if err != nil {
		return err
	}
	if err := write(group+"/pids.max", len(tasks)); err != nil {
		return err
	}
	time.Sleep(moment)
	return os.WriteFile(group+"/pids.max", []byte("max"), 0)
}

// disband moves the processes of a control group to another one, also servers that the
// daemon started in it, and removes the group. Ending processes hold it a little longer.
func disband(group, home string) {
	for range 100 {
		pids, _ := os.ReadFile(group + "/cgroup.procs")
		for _, pid := range strings.Fields(string(pids)) {
			_ = os.WriteFile(home, []byte(pid), 0)
		}
		if os.Remove(group) == nil {
			return
		}
		time.Sleep(moment / 10)
	}
}

func write(path string, n int) error { return os.WriteFile(path, []byte(strconv.Itoa(n)), 0) }

// homeOf returns the file that moves a process back to the control group it was in, given
// the text of /proc/PID/cgroup.
func homeOf(text string) string {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(f) < 3:
		case f[1] == "pids":
			return filepath.Join("/sys/fs/cgroup/pids", f[2], "cgroup.procs")
		case f[1] == "" && f[0] == "0":
			if _, err := os.Stat("/sys/fs/cgroup/pids"); err != nil {
				return filepath.Join("/sys/fs/cgroup", f[2], "cgroup.procs")
			}
		}
	}
	return "/sys/fs/cgroup/cgroup.procs"
}

// stop stops the daemon for a moment, as a debugger does.
func (d *daemon) stop() error {
	if err := unix.Kill(d.pid(), unix.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(moment)
	return unix.Kill(d.pid(), unix.SIGCONT)
}
