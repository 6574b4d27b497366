package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"inetd/internal/handover"
	"inetd/internal/inetd"
	"inetd/internal/syslog"
)

// launchedEnv tells a process that launch has started it and waits for a byte from its
// readyFD.
const (
	launchedEnv = "INETD_LAUNCHED"
	readyFD     = 3
)

// flushTime is how long log lines may take to be written at the start, and at the end.
const flushTime = 500 * time.Millisecond

// background reports whether to leave the terminal. A daemon that was started by a service
// manager or as the first process of a container must not, or its parent would think that
// it has ended.
func (o *options) background() bool {
	supervised := os.Getenv("NOTIFY_SOCKET") != "" ||
		listens() ||
		os.Getpid() == 1
	return !o.debug && !o.foreground && !supervised
}

// launched reports whether this process was started by launch. Only the first call knows:
// it removes the variable, which servers are not to inherit.
func launched() bool {
	defer os.Unsetenv(launchedEnv)
	return os.Getenv(launchedEnv) != ""
}

// launch runs this program again as a daemon in a session of its own, since a Go process
// cannot fork, and returns the exit status once the daemon serves or has failed. A daemon
// that fails has said why on the terminal, which it has until it serves.
func launch() (status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), launchedEnv+"=1"),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, w},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	_ = w.Close()
	if err != nil {
		return 0, fmt.Errorf("go into the background: %w", err)
	}
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return 0, nil
	}
	end, err := p.Wait()
	if err == nil && !end.Exited() {
		err = fmt.Errorf("ended while starting: %v", end)
	}
	return 1, err
}

// serve is the daemon, from its start to its end. It returns an error that keeps it from
// serving; the caller reports that. Later errors are in the log.
func (o *options) serve(stderr *os.File) error {
	o.startDirectory, _ = os.Getwd()
	if err := o.settle(); err != nil {
		return err
	}
	o.Log = syslog.New(o.logging(stderr))
	defer o.Log.Close(flushTime)

	// A signal may come as soon as the pid file names this process.
	listen(o.signals)

	pid, err := o.lockPidFile()
	if err != nil {
		return err
	}
	defer pid.remove()

	notify, flush := notifier()
	defer flush()
	o.Notify = notify
	if limit, err := daemon.SdWatchdogEnabled(false); err == nil {
		o.Watchdog = limit / 2 // as sd_watchdog_enabled(3) recommends
	}
	o.Ready, o.Version = o.ready, version()
	if o.Left = o.left; o.left != nil {
		o.Loaded = answerAskers(o.left.Process)
	}
	server, err := inetd.New(o.Config)
	if err != nil {
		return err
	}
	u := &upgrader{options: o, server: server, pidFile: pid, process: o.process(), turn: make(chan bool, 1)}
	go obey(o.signals, server, u)
	if pid != nil {
		u.control = o.openControl(socketPath(pid.path))
		defer u.control.close()
		go u.control.answer(server, u.upgrade)
	}
	return server.Run()
}

// process returns what the next program in this process needs to know of it.
func (o *options) process() handover.Process {
	p := handover.Process{Program: o.own, Directory: o.startDirectory, Version: version()}
	if o.left != nil {
		p.Program, p.Directory = o.left.Process.Program, o.left.Process.Directory
	}
	return p
}

// openControl opens the control socket for inetd -c, which without it sends a signal.
func (o *options) openControl(path string) *control {
	open := func() (*control, error) { return listenControl(path) }
	if o.left != nil && o.left.Process.Control != 0 {
		open = func() (*control, error) { return inheritControl(path, o.left.Process) }
	}
	c, err := open()
	if err != nil {
		o.Log.Warningf("inetd -c will not show outcomes: %v", err)
		return nil
	}
	return c
}

// settle gives the process the name, umask and directory of a daemon. Only root may serve
// the default configuration.
func (o *options) settle() error {
	if os.Geteuid() != 0 {
		if !o.Explicit && o.Entries == nil {
			return errors.New("only root serves " + defaultConf + "; give a configuration file of your own")
		}
		if !o.pidFileGiven {
			o.pidFile = ""
		}
	}
	// A process that was started through /proc/self/exe would be called "exe",
	// but update-inetd and others look for "inetd".
	_ = os.WriteFile("/proc/self/comm", []byte("inetd"), 0)
	unix.Umask(0o022)
	if !o.launched {
		return nil
	}
	if err := o.absolute(); err != nil {
		return err
	}
	return os.Chdir("/")
}

// ready tells whoever waits that every socket is open.
func (o *options) ready() {
	if o.Notify != nil {
		o.Notify(daemon.SdNotifyReady)
	}
	if !o.launched {
		return
	}
	o.Log.Flush(flushTime) // without a syslog daemon the lines of the start are for the terminal
	if err := o.leaveTerminal(); err != nil {
		o.Log.Warningf("leave the terminal: %v", err)
	}
	_, _ = unix.Write(readyFD, []byte{0})
	_ = unix.Close(readyFD)
}

// leaveTerminal replaces the standard descriptors by /dev/null. Standard error is opened
// for reading only, so that the logger cannot write there and keeps its lines until there
// is a syslog daemon.
func (o *options) leaveTerminal() error {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: os.DevNull, Err: err}
	}
	defer unix.Close(null)
	replace := []int{0, 1, 2}
	if o.log == "stderr" {
		replace = replace[:2]
	}
	for _, fd := range replace {
		if err := unix.Dup3(null, fd, 0); err != nil {
			return err
		}
	}
	return nil
}

// obey does what signals ask for.
func obey(signals <-chan os.Signal, s *inetd.Server, u *upgrader) {
	for sig := range signals {
		if f, ok := sig.(fence); ok {
			close(f)
			continue
		}
		switch sig {
		case unix.SIGHUP:
			s.Reload(nil)
		case unix.SIGTERM, unix.SIGINT:
			s.Stop()
		case unix.SIGQUIT: // as on HP-UX
			s.ToggleConnectionLog()
		case unix.SIGUSR1:
			s.DumpState()
		case unix.SIGUSR2:
			go u.upgrade(context.Background(), func(text string) { u.Log.Noticef("upgrade: %s", text) })
		}
	}
}

// firstFD is the first descriptor after the standard ones.
const firstFD = 3

// inherited returns the descriptors that a service manager has opened for this
// very process (sd_listen_fds(3)).
func inherited() (list []int) {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || !listens() {
		return nil
	}
	for fd := firstFD; len(list) < n; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			break // fewer than announced
		}
		list = append(list, fd)
	}
	return list
}

// listens reports whether a service manager means this process by LISTEN_FDS.
func listens() bool { return os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) }

// closeOnExec keeps servers from inheriting descriptors that whoever started the daemon
// has left open.
func closeOnExec() {
	if unix.CloseRange(firstFD, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	open, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= firstFD {
			unix.CloseOnExec(fd)
		}
	}
}

// notifier returns a function that tells the service manager of the daemon's state, or nil
// if there is no service manager. The function never blocks; when too many messages wait,
// it drops its own. Flush waits until they have been sent, for flushTime at most: the last
// one is sent when the process is about to end.
func notifier() (notify func(state string), flush func()) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil, func() {}
	}
	queue := make(chan func(), 16)
	go func() {
		for send := range queue {
			send()
		}
	}()
	notify = func(state string) {
		if state == daemon.SdNotifyReloading { // sd_notify(3) wants the time as well
			state += "\n" + daemon.SdNotifyMonotonicUsec()
		}
		select {
		case queue <- func() { _, _ = daemon.SdNotify(false, state) }:
		default:
		}
	}
	flush = func() {
		sent, late := make(chan struct{}), time.After(flushTime)
		select {
		case queue <- func() { close(sent) }:
		case <-late:
			return
		}
		select {
		case <-sent:
		case <-late:
		}
	}
	return notify, flush
}
