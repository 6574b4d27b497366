package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// bindUnix binds a unix socket at its path with the owner and mode asked for. A
// socket that nobody serves any more is replaced; anything else is left alone.
func bindUnix(fd int, s Spec, o Options) error {
	if strings.HasPrefix(s.Path(), "@") {
		return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: s.Path()}))
	}
	if err := clearPath(s); err != nil {
		return err
	}
	// Mode 0 until owner and mode are right, so that nobody connects before.
	// The umask is the process's, but only this goroutine creates files.
	old := unix.Umask(0o777)
	err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.Path()})
	unix.Umask(old)
	if err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := own(s.Path(), o); err != nil {
		os.Remove(s.Path())
		return err
	}
	return nil
}

func own(path string, o Options) error {
	if o.UID >= 0 || o.GID >= 0 {
		if err := os.Lchown(path, o.UID, o.GID); err != nil {
			return err
		}
	}
	return os.Chmod(path, fs.FileMode(o.Mode))
}

// clearPath removes a stale socket at the path of s: one that refuses
// connections because no process has it open.
func clearPath(s Spec) error {
	info, err := os.Lstat(s.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket", s.Path())
	}
	if served(s) {
		return fmt.Errorf("bind: another process serves %s", s.Path())
	}
	return os.Remove(s.Path())
}

func served(s Spec) bool {
	fd, err := unix.Socket(unix.AF_UNIX, int(s.Type)|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	return !errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: s.Path()}), unix.ECONNREFUSED)
}

// remove removes the path that Open created for s, if it is still the socket
// fd; a path that somebody else has made since is not ours.
func remove(fd int, s Spec) {
	if s.Family != unix.AF_UNIX || strings.HasPrefix(s.Path(), "@") {
		return
	}
	var st unix.Stat_t
	if unix.Lstat(s.Path(), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK && bound(fd, s.Path()) {
		os.Remove(s.Path())
	}
}

func bound(fd int, path string) bool {
	sa, err := unix.Getsockname(fd)
	u, ok := sa.(*unix.SockaddrUnix)
	return err == nil && ok && u.Name == path
}
