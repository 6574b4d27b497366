// Soak has eight clients use every kind of service for minutes or hours, while the
// configuration changes, servers are killed, the log is not read, descriptors and
// processes run out, and the daemon is stopped and upgraded. In goes an inetd; out comes
// a table of what was asked for and what came of it and, if something was lost, the end
// of the log.
//
// It needs root: it has a /dev of its own, with a syslog daemon that it can stall.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideEnv tells a process that it is in the mount namespace made for it.
const insideEnv = "INETD_SOAK"

func main() {
	if len(os.Args) == 2 && servers[os.Args[1]] != nil {
		servers[os.Args[1]]()
		return
	}
	inetd := flag.String("inetd", "bin/inetd", "the program to try")
	length := flag.Duration("time", 10*time.Minute, "how long")
	flag.Parse()
	var err error
	failed := false
	if os.Getenv(insideEnv) == "" {
		failed, err = enclose()
	} else {
		failed, err = soak(*inetd, *length)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// enclose runs this program again in a mount namespace.
func enclose() (failed bool, err error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	if _, ended := err.(*exec.ExitError); ended {
		return true, nil
	}
	return false, err
}

// arrange makes a /dev with null; startSyslog adds log.
func arrange() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	return unix.Mknod("/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
}

// soak does everything and prints the report.
func soak(inetd string, length time.Duration) (failed bool, err error) {
	inetd, err = filepath.Abs(inetd)
	if err != nil {
		return false, err
	}
	if err := arrange(); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "inetd-soak")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	d, err := start(inetd, dir)
	if err != nil {
		return false, err
	}
	defer d.end()
	// After the first round the daemon has all that it ever needs. Both rounds end with
	// the same deeds, so that what those leave behind can be compared.
	first := d.round(0)
	second := d.round(length)
	r := report{kinds: second.kinds, deeds: second.deeds, before: first.left, after: second.left, dead: second.dead}
	r.write(os.Stdout)
	if r.failed {
		fmt.Printf("\nLook at the end of the log:\n%s", d.log.tail())
	}
	return r.failed, nil
}

// round is what was done in some time, and what the daemon had afterwards.
type round struct {
	kinds []*kind
	deeds []*deed
	left  usage
	dead  error // the daemon has ended, or does not answer
}

// round does every deed at least once while clients come.
func (d *daemon) round(length time.Duration) (r round) {
	r.kinds, r.deeds = d.kinds(), d.deeds()
	rush := newRush(r.kinds)
	end := time.Now().Add(length)
	for r.dead == nil {
		for _, e := range r.deeds {
			e.do()
		}
		if r.dead = d.alive(); time.Now().After(end) {
			break
		}
	}
	rush.end()
	if r.dead == nil {
		r.left, r.dead = d.settled()
	}
	return r
}
