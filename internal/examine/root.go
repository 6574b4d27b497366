package examine

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// open opens a file as the user sees it, below its root directory if it has one.
func (u User) open(path string, flags int) (*os.File, error) {
	if u.Root == "" {
		return os.OpenFile(path, flags, 0)
	}
	root, err := os.OpenFile(u.Root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT} // links do not lead out of the root
	fd, err := unix.Openat2(int(root.Fd()), path, &how)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// stat is os.Stat as the user sees the path.
func (u User) stat(path string) (fs.FileInfo, error) {
	if u.Root == "" {
		return os.Stat(path)
	}
	f, err := u.open(path, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// read returns what is in a file; nil if it cannot be read.
func (u User) read(path string) []byte {
	f, err := u.open(path, os.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := io.ReadAll(f)
	return text
}

// glob is filepath.Glob below the root directory.
func (u User) glob(pattern string) []string {
	paths, _ := filepath.Glob(filepath.Join(u.Root, pattern)) // the patterns used here are well formed
	return paths
}

// follow returns a path with its links followed. Below a root directory it leaves them.
func (u User) follow(path string) string {
	whole, err := filepath.EvalSymlinks(path)
	if u.Root != "" || err != nil {
		return path
	}
	return whole
}
