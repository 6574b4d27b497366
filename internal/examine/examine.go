// Package examine says why a program cannot be executed, and why an address cannot be
// listened on. In goes a path and who is to execute it, or a socket and the error; out
// comes the cause in plain words with a remedy, or nothing if no cause is found. For a
// program it follows the path that execve(2) takes in the kernel, in the same order, and
// then that of the dynamic loader.
//
// It reads a few small pieces of files, and blocks where a file system does.
package examine

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"inetd/internal/strerror"
)

// User is who executes a program: the IDs that a server would run with.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary ones
	Root     string   // the root directory of a server with chroot; "": that of the daemon
	Daemon   bool     // this is the daemon, which executes a program in its own place
}

// words are what messages call a program and whoever executes it.
func (u User) words() (what, who string) {
	if u.Daemon {
		return "program", "the user of the daemon"
	}
	return "server", "the user of the service"
}

// Finding is what keeps a program from being executed. The zero value: nothing does.
type Finding struct {
	Cause  string // such as "interpreter /usr/bin/perl5 of /srv/x: No such file or directory"
	Advice string // what to type or to look at; may be empty
}

// String is the cause with the advice.
func (f Finding) String() string {
	if f.Advice == "" {
		return f.Cause
	}
	return f.Cause + "; " + f.Advice
}

// Program looks for what keeps u from executing the file at path.
func Program(path string, u User) Finding {
	what, _ := u.words()
	f := program(path, u, what, 0)
	if f != (Finding{}) && u.Root != "" {
		f.Cause += " below " + u.Root
		f.Advice = "a server with chroot needs its program, interpreter and libraries there"
	}
	return f
}

// Socket looks for what keeps u from connecting to the UNIX-domain socket at path. A
// socket that does not exist is no finding.
func Socket(path string, u User) Finding {
	if f := reach(path, u, "socket"); f != (Finding{}) {
		return f
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return Finding{}
	case info.Mode().Type() != fs.ModeSocket:
		return Finding{Cause: path + " is no socket"}
	case !u.may(info, 2):
		return Finding{fmt.Sprintf("socket %s may not be connected to by uid %d", path, u.UID), fmt.Sprintf("its mode is %04o", info.Mode().Perm())}
	}
	return Finding{}
}

// maxScripts is how many scripts may be interpreters of each other before
// execve(2) gives ELOOP.
const maxScripts = 5

// program examines a file that messages call what.
func program(path string, u User, what string, depth int) Finding {
	if f := reach(path, u, what); f != (Finding{}) {
		return f
	}
	info, err := u.stat(path)
	switch {
	case err != nil:
		return Finding{Cause: fmt.Sprintf("%s %s: %s", what, path, strerror.Cause(err))}
	case info.IsDir():
		return Finding{Cause: fmt.Sprintf("%s %s is a directory", what, path)}
	case !info.Mode().IsRegular():
		return Finding{Cause: fmt.Sprintf("%s %s is not a regular file", what, path)}
	case !u.may(info, 1):
		return notExecutable(path, info, u, what)
	}
	if mount, ok := noexec(filepath.Join(u.Root, path)); ok {
		return Finding{fmt.Sprintf("%s %s lies on %s, which is mounted noexec", what, path, mount), "move it, or remount that with exec"}
	}
	return contents(path, u, what, depth)
}

// notExecutable tells a file without any x bit from one that only others may
// execute.
func notExecutable(path string, info fs.FileInfo, u User, what string) Finding {
	if info.Mode().Perm()&0o111 == 0 {
		f := Finding{Cause: fmt.Sprintf("%s %s is not executable", what, path)}
		if program := u.head(path); bytes.HasPrefix(program, []byte("#!")) || bytes.HasPrefix(program, []byte(elf.ELFMAG)) {
			f.Advice = "try chmod a+x " + path
		}
		return f
	}
	_, who := u.words()
	return Finding{Cause: fmt.Sprintf("%s %s may not be executed by %s: its mode is %04o", what, path, who, info.Mode().Perm())}
}

// may reports whether the mode of a file gives a user a right: 1 to execute or to search,
// 2 to write, 4 to read. Root may search every directory, read and write every file, and
// execute what has any x bit. Access control lists are not looked at.
func (u User) may(info fs.FileInfo, right fs.FileMode) bool {
	mode := info.Mode().Perm()
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case u.UID == 0:
		return right != 1 || info.IsDir() || mode&0o111 != 0
	case st.Uid == u.UID:
		return mode>>6&right != 0
	case st.Gid == u.GID || slices.Contains(u.Groups, st.Gid):
		return mode>>3&right != 0
	}
	return mode&right != 0
}

// reach looks for a directory in path that does not exist, is no directory, or may not be
// searched by u. Links in path are followed.
func reach(path string, u User, what string) Finding {
	if !filepath.IsAbs(path) {
		return Finding{}
	}
	for _, way := range slices.Compact([]string{path, u.follow(path)}) {
		for at := range strings.Split(way, "/") {
			dir := strings.Join(strings.Split(way, "/")[:at], "/") + "/"
			if at == 0 {
				continue
			}
			info, err := u.stat(dir)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return Finding{Cause: fmt.Sprintf("%s %s: No such file or directory", what, path)}
			case err != nil:
				return Finding{Cause: fmt.Sprintf("%s %s: %s", what, path, strerror.Cause(err))}
			case !u.may(info, 1):
				_, who := u.words()
				return Finding{fmt.Sprintf("%s may not search %s, where %s %s lies", who, dir, what, path), "try chmod a+x " + dir}
			}
		}
	}
	return Finding{}
}

// noexec returns the place where the file system of a path is mounted, if
// nothing may be executed there.
func noexec(path string) (mount string, ok bool) {
	var fs unix.Statfs_t
	if unix.Statfs(path, &fs) != nil || fs.Flags&unix.ST_NOEXEC == 0 {
		return "", false
	}
	whole, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "its file system", true
	}
	var here unix.Stat_t
	if unix.Stat(whole, &here) != nil {
		return "its file system", true
	}
	for dir := filepath.Dir(whole); ; dir = filepath.Dir(dir) {
		var up unix.Stat_t
		if dir == "/" || unix.Stat(filepath.Dir(dir), &up) != nil || up.Dev != here.Dev {
			return dir, true
		}
	}
}

// Failed explains an errno of execve(2), also where the file does not show the cause: it
// is busy, the arguments are too long, or something forbids it. See Program for path and
// u.
func Failed(path string, u User, e syscall.Errno) Finding {
	switch e { // these hold whatever is at the path, even if that could not be executed either
	case unix.ETXTBSY:
		return Finding{"a process has it open for writing", "wait until it is copied, or see: fuser -v " + path}
	case unix.E2BIG:
		return Finding{"the arguments and the environment are too long", "one word may have 128 KiB, all together a quarter of the stack limit"}
	case unix.EAGAIN:
		return Finding{"its user has as many processes as it may", "raise ulimit -u or the key rlimit_nproc"}
	}
	if f := Program(path, u); f != (Finding{}) {
		return f
	}
	switch e {
	case unix.EACCES, unix.EPERM:
		return Finding{"its mode allows it, so a security module or a seccomp filter refuses it", "see the audit log or: dmesg"}
	case unix.ENOENT:
		return Finding{Cause: "it is there now"}
	case unix.ENOEXEC:
		return Finding{Cause: "this machine cannot execute it"}
	}
	return Finding{}
}
