package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// startLimit is how long a daemon may take until its ports answer.
	startLimit = 10 * time.Second
	// descriptors is Debian's soft limit, which a daemon starts with. It gets one more
	// for each service.
	descriptors = 1024
	// relayDescriptors is the same for daemons that pass connections on: socket-proxyd
	// uses six for each connection, and HAProxy wants two for each that it may have.
	relayDescriptors = 16384
)

// daemon is a running peer: one process, or one for each entry, in a cgroup.
type daemon struct {
	peer    *peer
	entries []entry
	group   cgroup
	conf    string
	pids    []int         // its own processes, not the servers it started
	took    time.Duration // from the first exec until all its ports answered
	ended   chan error    // receives the exit of each process that exec started
}

// launch starts the peer on these entries and returns when the first, the
// middle and the last of them answer. Its files go below dir.
func launch(ctx context.Context, p *peer, dir string, entries []entry) (*daemon, error) {
	group, err := newCgroup(p.name)
	if err != nil {
		return nil, err
	}
	d := &daemon{peer: p, entries: entries, group: group, conf: filepath.Join(dir, p.name+".conf"),
		ended: make(chan error, len(entries))}
	err = d.start(ctx)
	if err == nil {
		err = d.findProcesses()
	}
	if err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func (d *daemon) String() string { return d.peer.name }

// middle is the entry that is put under load.
func (d *daemon) middle() entry { return d.entries[len(d.entries)/2] }

// stop kills the daemon and all it started.
func (d *daemon) stop() error { return d.group.remove() }

func (d *daemon) start(ctx context.Context) error {
	if err := d.configure(d.entries); err != nil {
		return err
	}
	began := time.Now()
	if err := d.execAll(); err != nil {
		return err
	}
	for _, i := range []int{0, len(d.entries) / 2, len(d.entries) - 1} {
		if err := d.answers(ctx, d.entries[i]); err != nil {
			return err
		}
	}
	d.took = time.Since(began)
	return nil
}

// execAll starts one process, or one for each entry, with the limit of descriptors
// that the entries need.
func (d *daemon) execAll() error {
	limit := descriptors + len(d.entries)
	if d.entries[0].to != "" {
		limit = relayDescriptors
	}
	restore, err := limitDescriptors(limit)
	if err != nil {
		return err
	}
	processes := d.entries
	if d.peer.config != nil {
		processes = d.entries[:1]
	}
	for _, e := range processes {
		err = errors.Join(err, d.exec(e))
	}
	return errors.Join(err, restore())
}

// configure writes the daemon's configuration file anew.
func (d *daemon) configure(entries []entry) error {
	if d.peer.config == nil {
		return nil
	}
	return os.WriteFile(d.conf, []byte(d.peer.config(entries)), 0o644)
}

// exec starts one process straight in the cgroup. The process ends with this program
// at the latest, unless it goes into the background.
func (d *daemon) exec(e entry) error {
	group, err := d.group.open()
	if err != nil {
		return err
	}
	defer group.Close()
	log, err := os.Create(d.conf + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	argv := append([]string{d.peer.binary}, d.peer.command(d.conf, e)...)
	if d.peer.launcher != nil {
		argv = append(d.peer.launcher(e), argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"} // not ours, as a server takes longer to start with a large one
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(group.Fd()), Pdeathsig: syscall.SIGKILL,
		Setsid: true, // the scheduler shares the processors among sessions first: see sched(7)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { d.ended <- cmd.Wait() }()
	return nil
}

// answers waits until the entry serves a client.
func (d *daemon) answers(ctx context.Context, e entry) error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		if err := probe(e); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.ended:
			// A daemon that goes into the background exits with status 0 at once.
			if err != nil {
				return fmt.Errorf("ended: %w: %s", err, d.lastWords())
			}
		default:
		}
	}
	return fmt.Errorf("port %d never answered in %v: %s", e.port, startLimit, d.lastWords())
}

// refuses waits until the entry's port is closed.
func (d *daemon) refuses(ctx context.Context, e entry) error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		fd, err := connect(e, patience)
		if errors.Is(err, unix.ECONNREFUSED) || ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	return fmt.Errorf("port %d still open after %v", e.port, startLimit)
}

func (d *daemon) lastWords() string {
	text, err := os.ReadFile(d.conf + ".log")
	if err != nil || len(text) == 0 {
		return "it said nothing"
	}
	return fmt.Sprintf("it said %q", lastLine(text))
}

// findProcesses fills in the daemon's own processes: those of its cgroup that
// run its program.
func (d *daemon) findProcesses() error {
	pids, err := d.group.pids()
	if err != nil {
		return err
	}
	own, err := os.Stat(d.peer.binary)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		exe, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
		if err == nil && os.SameFile(exe, own) {
			d.pids = append(d.pids, pid)
		}
	}
	if len(d.pids) == 0 {
		return fmt.Errorf("no process left: %s", d.lastWords())
	}
	return nil
}

// usage is the CPU time of the daemon's own processes, and of these and all servers.
type usage struct{ own, all time.Duration }

func (d *daemon) cpu() (u usage, err error) {
	for _, pid := range d.pids {
		t, err := cpuTime(pid)
		if err != nil {
			return u, err
		}
		u.own += t
	}
	u.all, err = d.group.usage()
	return u, err
}

// memory returns the proportional set size of the daemon's own processes in KiB.
func (d *daemon) memory() (int, error) {
	sum := 0
	for _, pid := range d.pids {
		n, err := pssOf(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// limitDescriptors sets the soft limit for what is started next, and returns a
// function that restores the one before.
func limitDescriptors(n int) (restore func() error, err error) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		return nil, err
	}
	lower := syscall.Rlimit{Cur: min(uint64(n), was.Max), Max: was.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		return nil, err
	}
	return func() error { return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was) }, nil
}
