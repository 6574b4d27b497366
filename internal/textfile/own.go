package textfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadAmongOthers is Read for a path in a directory that may belong to somebody else,
// who could put a symbolic or hard link to any of root's files there to have it shown.
// So a symbolic link is followed only if it belongs to root or to the user of this
// process, and a file with several hard links must be readable by everybody.
func ReadAmongOthers(path string, limit int64) (string, error) {
	f, err := openUnlinked(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	err = regular(f.Stat())
	if err == nil {
		err = unshared(f.Stat())
	}
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return ReadAll(f, limit)
}

// maxLinks is how many symbolic links the kernel follows for one path.
const maxLinks = 40

// openUnlinked opens a file. It follows only symbolic links that readLink allows.
func openUnlinked(path string) (*os.File, error) {
	for range maxLinks {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_NOFOLLOW, 0)
		if !errors.Is(err, syscall.ELOOP) {
			return f, err
		}
		to, err := readLink(path)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}

// readLink returns where a symbolic link leads, if it belongs to root or to us. Owner
// and target are those of one descriptor, because somebody may swap two links any time.
func readLink(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", err
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("it is a link of uid %d", st.Uid)
	}
	to := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", to)
	return string(to[:max(n, 0)]), err
}

// unshared returns an error for a file with several hard links that not everybody may
// read.
func unshared(info fs.FileInfo, err error) error {
	if err == nil && info.Mode().Perm()&0o004 == 0 && info.Sys().(*syscall.Stat_t).Nlink > 1 {
		err = errors.New("it has another name, and not everybody may read it")
	}
	return bare(err)
}
