package watch

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// The events that tell of a change. Those in replaced are of the thing itself, so that a
// directory is silent whatever happens in it.
const (
	replaced = unix.IN_MOVE_SELF | unix.IN_DELETE_SELF                        // of a directory on the way
	unlinked = replaced | unix.IN_ATTRIB | unix.IN_DONT_FOLLOW                // of a link: while somebody has it open, only IN_ATTRIB tells that it is gone
	written  = replaced | unix.IN_ATTRIB | unix.IN_MODIFY                     // of a file
	appears  = replaced | unix.IN_CREATE | unix.IN_MOVED_TO                   // of a directory in which a name is missing
	filled   = appears | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MODIFY // of a directory whose files are watched
)

// interest says which events at a place matter.
type interest struct {
	mask  uint32
	names string // that matter if they appear in a directory, each between slashes
}

// interests are the places to watch by their path, which has no links in it.
type interests map[string]interest

// note adds to the events that matter at a place.
func (all interests) note(place string, mask uint32, name string) {
	i := all[place]
	i.mask |= mask
	if name != "" && !i.has(name) {
		i.names += "/" + name + "/"
	}
	all[place] = i
}

func (i interest) has(name string) bool { return strings.Contains(i.names, "/"+name+"/") }

// tells reports whether an event at a place is a reason to look.
func (i interest) tells(e event) bool {
	return e.name == "" || i.has(e.name) || i.mask&filled == filled && !ignored(e.name)
}

// find notes what has to be watched to notice every change at path: everything on the
// way, because each may be replaced, links included; what is there itself, because a
// file may be mounted and then changes from outside; and in place of what is missing,
// the directory in which it would appear.
func (all interests) find(path string) {
	all.walk(path)
	entries, err := os.ReadDir(path)
	if err != nil {
		return // not a directory
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink != 0 && !ignored(e.Name()) {
			all.walk(filepath.Join(path, e.Name()))
		}
	}
}

// walk follows path, which is absolute, name by name as the kernel does.
func (all interests) walk(path string) {
	dir, rest, links := "/", path, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if name == "" {
			continue
		}
		next := filepath.Join(dir, name) // also takes care of "." and ".."
		st, err := os.Lstat(next)
		switch {
		case err != nil:
			all.note(dir, appears, name)
			return
		case st.Mode()&os.ModeSymlink == 0:
			dir = next
			all.note(dir, kind(st, strings.Trim(rest, "/") == ""), "")
			continue
		}
		all.note(next, unlinked, "")
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = target + "/" + rest
	}
}

// kind returns the mask for something that is not a link, on the way or last on it.
func kind(st os.FileInfo, last bool) uint32 {
	switch {
	case !st.IsDir():
		return written
	case last:
		return filled
	}
	return replaced
}

// wanted returns the places that the files depend on now.
func (l *loop) wanted() interests {
	all := interests{}
	for _, f := range l.files {
		all.find(f.path)
	}
	return all
}

// settled reports whether the files still depend on these places.
func (l *loop) settled(all interests) bool { return maps.Equal(all, l.wanted()) }

// remote returns an error if one of the files is on a file system that other machines or
// programs may change without the kernel hearing of it.
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
