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

// ReadAmongOthers is Read for a path in a directory that may belong to somebody
// else. Root would show any of its files to whoever puts a link there, or a second
// name of the file: so a link is followed only if it belongs to root or to the user
// of this process, and a file with a second name has to be readable by everybody.
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

// maxLinks is that of the kernel.
const maxLinks = 40

// openUnlinked opens a file and follows links of ours alone.
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

// readLink returns where a link of ours leads. Both are asked of one descriptor,
// because somebody may exchange two links at any moment.
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

// unshared says what is wrong with a file that its owner alone may read and that
// has another name.
func unshared(info fs.FileInfo, err error) error {
	if err == nil && info.Mode().Perm()&0o004 == 0 && info.Sys().(*syscall.Stat_t).Nlink > 1 {
		err = errors.New("it has another name, and not everybody may read it")
	}
	return bare(err)
}
