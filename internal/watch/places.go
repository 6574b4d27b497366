package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// places returns what has to be watched to notice every change at path: the
// directory of every name on the way, those of links and their targets
// included, because each may be replaced, and what is there itself: a file
// that is mounted into a container changes without its directory's notice.
func places(path string) []string {
	all := trail(path)
	entries, err := os.ReadDir(path)
	if err != nil {
		return all // not a directory
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink != 0 {
			all = append(all, trail(filepath.Join(path, e.Name()))...)
		}
	}
	return all
}

// trail walks path, which is absolute, name by name as the kernel does.
func trail(path string) []string {
	var passed []string
	dir, rest, links := "/", path, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if name == "" {
			continue
		}
		passed = append(passed, dir)
		next := filepath.Join(dir, name) // also takes care of "." and ".."
		target, err := os.Readlink(next)
		if err != nil {
			dir = next
			continue
		}
		if links++; links > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = target + "/" + rest
	}
	return append(passed, dir)
}

// remote returns an error if one of the files is on a file system whose other
// users the kernel does not hear of.
func (l *loop) remote() error {
	for _, f := range l.files {
		var st unix.Statfs_t
		if unix.Statfs(f.path, &st) == nil && isRemote(uint32(st.Type)) {
			return fmt.Errorf("watch %s: its file system does not tell of all changes", f.path)
		}
	}
	return nil
}

func isRemote(magic uint32) bool {
	switch magic {
	case unix.AFS_FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.CODA_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.NFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.SMB_SUPER_MAGIC, unix.V9FS_MAGIC:
		return true
	}
	return false
}
