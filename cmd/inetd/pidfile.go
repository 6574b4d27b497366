package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// pidFile holds the process id of the daemon, and a lock that lasts as long as the daemon
// lives. The lock alone tells whether a daemon runs: the number in a file that nobody has
// locked is stale, whatever process has this id now.
//
// The lock is an open file description lock (fcntl(2)). Unlike a lock of flock(2) it can be
// tested without being taken; to take it would get in the way of a daemon that starts at
// that moment.
type pidFile struct {
	f    *os.File
	path string
}

// pidFileMode lets everybody find the daemon, but only the owner name a process.
const pidFileMode = 0o644

// runningError is the process id of the daemon that holds the lock, or 0 as long as that
// daemon has not written it.
type runningError int

func (pid runningError) Error() string {
	if pid == 0 {
		return "another inetd is starting"
	}
	return fmt.Sprintf("an inetd is already running, its process id is %d", int(pid))
}

// lockPidFile takes and writes the pid file, if there is to be one. If the default pid file
// cannot be written, the daemon serves without: a container may have no /run.
func (o *options) lockPidFile() (*pidFile, error) {
	if o.pidFile == "" {
		return nil, nil
	}
	if o.left != nil {
		return o.inheritPidFile(), nil
	}
	p, err := lockPidFile(o.pidFile)
	if err == nil {
		return p, nil
	}
	if running := runningError(0); !errors.As(err, &running) && !o.pidFileGiven {
		o.Log.Warningf("no pid file: %v", err)
		return nil, nil
	}
	return nil, err
}

// inheritPidFile returns the file that the previous program in this process has locked. The
// lock is still held.
func (o *options) inheritPidFile() *pidFile {
	fd := o.left.Process.PidFile
	if fd == 0 {
		return nil
	}
	return &pidFile{os.NewFile(uintptr(fd), o.pidFile), o.pidFile}
}

// lockPidFile locks the file at path and writes the process id to it. It
// returns a runningError if another daemon has the lock.
func lockPidFile(path string) (*pidFile, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, pidFileMode)
		if errors.Is(err, unix.ELOOP) {
			return nil, fmt.Errorf("pid file %s is a symbolic link", path)
		}
		if err != nil {
			return nil, fmt.Errorf("pid file: %w", err)
		}
		p := &pidFile{f, path}
		if err := p.lock(); err != nil {
			_ = f.Close()
			return nil, err
		}
		if p.current() {
			return p, nil
		}
		_ = f.Close() // the last daemon removed it before we had the lock
	}
}

// lock locks the file and writes it.
func (p *pidFile) lock() error {
	info, err := p.f.Stat()
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if err := doubtful(p.path, info); err != nil {
		return err
	}
	if owner := ownerOf(info); owner != os.Geteuid() {
		return fmt.Errorf("pid file %s belongs to user %d, and nobody else may write it; remove it, or choose another directory", p.path, owner)
	}
	pid, err := readPid(p.f)
	if err != nil { // such as a configuration file after -p
		return fmt.Errorf("pid file %s: %w; not overwritten", p.path, err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(p.f.Fd(), unix.F_OFD_SETLK, &lock)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return runningError(pid)
	}
	if err != nil {
		return fmt.Errorf("lock pid file %s: %w", p.path, err)
	}
	if err := errors.Join(p.f.Chmod(pidFileMode), p.write()); err != nil { // another inetd may have left it writable for others
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

func (p *pidFile) write() error {
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	_, err := p.f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return err
}

// current reports whether the path still leads to the file.
func (p *pidFile) current() bool {
	mine, err := p.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(p.path)
	return err == nil && os.SameFile(mine, there)
}

// remove removes the file, unless somebody has replaced it, and then unlocks it. In the
// other order the file of the next daemon could be removed.
func (p *pidFile) remove() {
	if p == nil {
		return
	}
	if p.current() {
		_ = os.Remove(p.path)
	}
	_ = p.f.Close()
}

// holder returns the process id of the daemon that has locked the pid file at path, or 0 if
// no daemon has.
func holder(path string) (int, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("pid file: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("pid file %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, nil
	}
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("pid file: %w", err)
	}
	if err := doubtful(path, info); err != nil {
		return 0, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return 0, fmt.Errorf("pid file %s: others than its owner can write it: it is not trusted", path)
	}
	pid, err := readPid(f)
	if err != nil {
		return 0, fmt.Errorf("pid file %s: %w", path, err)
	}
	if pid != 0 {
		err = sameOwner(info, path, pid)
	}
	return pid, err
}

// doubtful returns an error if a file cannot be a pid file. A file with a second name may
// be any file of its owner: whoever may write to the directory may have made the name.
func doubtful(path string, info os.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("pid file %s is not a regular file; --pidfile= means none", path)
	case info.Sys().(*syscall.Stat_t).Nlink > 1:
		return fmt.Errorf("pid file %s has another name: it is not trusted", path)
	}
	return nil
}

// sameOwner returns an error unless a process belongs to the owner of the pid file that
// names it. Whoever may write to the directory can make a file that names any process.
func sameOwner(file os.FileInfo, path string, pid int) error {
	process, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return nil // the process has ended, or its owner is not known
	}
	if owner := ownerOf(file); owner != ownerOf(process) {
		return fmt.Errorf("pid file %s belongs to user %d, and process %d does not: it is not trusted", path, owner, pid)
	}
	return nil
}

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// readPid reads a process id; an empty file has none, 0.
func readPid(r io.Reader) (int, error) {
	text, err := io.ReadAll(io.LimitReader(r, 32))
	if err != nil {
		return 0, err
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return 0, errors.New("does not hold a process id")
	}
	return int(pid), nil
}
