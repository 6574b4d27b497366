package sock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// The directory of a unix path may belong to somebody else, who can put a link
// or another socket into the place of ours at any moment. So nothing is done to
// a path, only to what has been opened there without following a link and turned
// out to be ours.

// File identifies a file, whatever its name. The zero File is no file.
type File struct{ Device, Inode uint64 }

// HasPath reports whether a socket has a path in the file system.
func (s Spec) HasPath() bool { return s.Path() != "" && s.Path()[0] != '@' }

// FileOf returns the file at the path of s, or the zero File.
func FileOf(s Spec) File {
	var st unix.Stat_t
	if !s.HasPath() || unix.Lstat(s.Path(), &st) != nil {
		return File{}
	}
	return fileOf(&st)
}

func fileOf(st *unix.Stat_t) File { return File{uint64(st.Dev), st.Ino} }

// bindPath binds a unix socket at its path with the owner and mode asked for, and
// returns the file that it has made. A socket that nobody serves any more is
// replaced; anything else is left alone.
func bindPath(fd int, s Spec, o Options) (ours File, err error) {
	dir, err := unix.Open(filepath.Dir(s.Path()), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return File{}, &os.PathError{Op: "open", Path: filepath.Dir(s.Path()), Err: err}
	}
	defer unix.Close(dir)
	if err := clearPath(dir, s); err != nil {
		return File{}, err
	}
	// bind(2) gives the path the mode of the socket. With mode 0 nobody can
	// connect before owner and mode are right, and no other file looks like it.
	if err := unix.Fchmod(fd, 0); err != nil {
		return File{}, os.NewSyscallError("fchmod", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.Path()}); err != nil {
		return File{}, os.NewSyscallError("bind", err)
	}
	made, err := openPath(dir, s)
	if err != nil {
		return File{}, err
	}
	defer unix.Close(made.fd)
	if err := made.own(o, made.unfinished()); err != nil {
		if made.unfinished() {
			unix.Unlinkat(dir, filepath.Base(s.Path()), 0)
		}
		return File{}, err
	}
	return fileOf(&made.stat), nil
}

// Own gives the path of s the owner, group and mode of o where those of was were others, if
// the file there is still ours. An owner or group that is not asked for any more becomes
// what a new file would have.
func Own(s Spec, was, o Options, ours File) error {
	if was.Mode == o.Mode && was.UID == o.UID && was.GID == o.GID {
		return nil
	}
	at, err := openPath(unix.AT_FDCWD, s)
	if err != nil {
		return err
	}
	defer unix.Close(at.fd)
	if was.UID >= 0 && o.UID < 0 {
		o.UID = os.Geteuid()
	}
	if was.GID >= 0 && o.GID < 0 {
		o.GID = newGroup(s.Path())
	}
	return at.own(o, at.isSocket() && fileOf(&at.stat) == ours)
}

// newGroup returns the group that a new file gets: the daemon's, or that of its directory
// if this has the set-group-ID bit (inode(7)).
func newGroup(path string) int {
	var dir unix.Stat_t
	if unix.Stat(filepath.Dir(path), &dir) == nil && dir.Mode&unix.S_ISGID != 0 {
		return int(dir.Gid)
	}
	return os.Getegid()
}

// place is a file that was opened by its path and without its contents.
type place struct {
	fd   int // of O_PATH
	path string
	stat unix.Stat_t
}

// openPath opens the path of s, or its last part in a directory. A link is not
// followed.
func openPath(dir int, s Spec) (p place, err error) {
	p.path = s.Path()
	name := p.path
	if dir != unix.AT_FDCWD {
		name = filepath.Base(name)
	}
	p.fd, err = unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		if err = unix.Fstat(p.fd, &p.stat); err != nil {
			unix.Close(p.fd)
		}
	}
	if err != nil {
		return place{}, &os.PathError{Op: "open", Path: p.path, Err: err}
	}
	return p, nil
}

func (p *place) isSocket() bool { return p.stat.Mode&unix.S_IFMT == unix.S_IFSOCK }

// unfinished reports whether a file is one that this daemon is making: nobody
// else makes sockets that belong to it, and it makes one at a time.
func (p *place) unfinished() bool {
	return p.isSocket() && p.stat.Mode&0o777 == 0 && p.stat.Nlink == 1 && int(p.stat.Uid) == os.Geteuid()
}

// own sets owner and mode if the file is ours.
func (p *place) own(o Options, ours bool) error {
	if !ours {
		return fmt.Errorf("%s: somebody has put another file there", p.path)
	}
	if o.UID >= 0 || o.GID >= 0 {
		if err := unix.Fchownat(p.fd, "", o.UID, o.GID, unix.AT_EMPTY_PATH); err != nil {
			return &os.PathError{Op: "chown", Path: p.path, Err: err}
		}
	}
	if err := unix.Chmod(p.proc(), o.Mode); err != nil {
		return &os.PathError{Op: "chmod", Path: p.path, Err: err}
	}
	return nil
}

// proc returns a path to the opened file itself, for calls that follow links.
func (p *place) proc() string { return "/proc/self/fd/" + strconv.Itoa(p.fd) }

// clearPath removes a stale socket at the path of s in its directory: one that
// refuses connections because no process has it open.
func clearPath(dir int, s Spec) error {
	p, err := openPath(dir, s)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(p.fd)
	if !p.isSocket() {
		return fmt.Errorf("%s exists and is not a socket", p.path)
	}
	if p.served(s.Type) {
		return fmt.Errorf("bind: another process serves %s", p.path)
	}
	if err := unix.Unlinkat(dir, filepath.Base(p.path), 0); err != nil {
		return &os.PathError{Op: "unlink", Path: p.path, Err: err}
	}
	return nil
}

// served reports whether a process has the socket open.
func (p *place) served(kind uint8) bool {
	fd, err := unix.Socket(unix.AF_UNIX, int(kind)|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	return !errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: p.proc()}), unix.ECONNREFUSED)
}

// Remove removes the path of s if the file there is still ours, and not one that somebody
// else has put there since.
func Remove(s Spec, ours File) {
	dir, err := unix.Open(filepath.Dir(s.Path()), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	p, err := openPath(dir, s)
	if err != nil {
		return
	}
	defer unix.Close(p.fd)
	if p.isSocket() && fileOf(&p.stat) == ours {
		unix.Unlinkat(dir, filepath.Base(s.Path()), 0)
	}
}
