package sock

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnixPathInDirectoryOfAnother: whoever may write to the directory of a path
// puts a link to a file of ours into the place of each socket. The file stays as
// it was.
func TestUnixPathInDirectoryOfAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, path := filepath.Join(dir, "secret"), filepath.Join(dir, "sock")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := UnixSpec(unix.SOCK_STREAM, path)
	var stop atomic.Bool
	swapped := make(chan int)
	go func() {
		n := 0
		link := path + ".link"
		os.Symlink(secret, link)
		for !stop.Load() {
			var st unix.Stat_t
			if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK && os.Rename(link, path) == nil {
				n++
				os.Symlink(secret, link)
			}
			runtime.Gosched()
		}
		swapped <- n
	}()
	for deadline := time.Now().Add(300 * time.Millisecond); time.Now().Before(deadline); {
		if fd, file, err := Open(s, Options{Mode: 0o666, UID: -1, GID: -1, Backlog: 1}, 3); err == nil {
			Own(s, Options{}, Options{Mode: 0o666, UID: -1, GID: -1}, file)
			Close(fd, s, file)
		}
		os.Remove(path)
	}
	stop.Store(true)
	if n := <-swapped; n == 0 {
		t.Error("nothing was swapped")
	}
	var st unix.Stat_t
	if err := unix.Stat(secret, &st); err != nil || st.Mode&0o777 != 0o600 {
		t.Errorf("the file of ours has mode %o, %v", st.Mode&0o777, err)
	}
}

// TestUnixMode: no umask is needed, and none is changed.
func TestUnixMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []uint32{0, 0o600, 0o660, 0o666, 0o777} {
		s := UnixSpec(unix.SOCK_STREAM, filepath.Join(t.TempDir(), "sock"))
		fd, _, err := Open(s, Options{Mode: mode, UID: -1, GID: -1, Backlog: 1}, floor)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if unix.Lstat(s.Path(), &st) != nil || st.Mode&0o777 != mode {
			t.Errorf("mode %o, want %o", st.Mode&0o777, mode)
		}
		if file := FileOf(s); Own(s, Options{}, Options{Mode: 0o640, UID: -1, GID: -1}, file) != nil || unix.Lstat(s.Path(), &st) != nil || st.Mode&0o777 != 0o640 {
			t.Errorf("mode %o, want 640", st.Mode&0o777)
		}
		if Own(s, Options{}, Options{Mode: 0o600, UID: -1, GID: -1}, File{1, 2}) == nil {
			t.Error("another file was made ours")
		}
		Close(fd, s, File{1, 2})
		if FileOf(s) == (File{}) {
			t.Error("another's path was removed")
		}
	}
}

// TestUnixPathTaken: a path that is served, or is no socket, is left alone.
func TestUnixPathTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	served := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "served"))
	open(t, served, Options{Mode: 0o666, UID: -1, GID: -1, Backlog: 1})
	if _, _, err := Open(served, Options{Mode: 0o666, UID: -1, GID: -1}, 3); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("served: %v", err)
	}
	plain := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "plain"))
	os.WriteFile(plain.Path(), nil, 0o600)
	if _, _, err := Open(plain, Options{Mode: 0o666, UID: -1, GID: -1}, 3); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("plain: %v", err)
	}
	full := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "full"))
	open(t, full, Options{Mode: 0o666, UID: -1, GID: -1, Backlog: 1})
	for range 3 { // one more than may wait
		c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(c)
		unix.Connect(c, &unix.SockaddrUnix{Name: full.Path()})
	}
	refused := make(chan error, 1)
	go func() {
		_, _, err := Open(full, Options{Mode: 0o666, UID: -1, GID: -1}, 3)
		refused <- err
	}()
	select {
	case err := <-refused:
		if err == nil || !strings.Contains(err.Error(), "another process serves") {
			t.Errorf("full: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a process that accepts nobody is waited for")
	}
	link := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "link"))
	os.Symlink(served.Path(), link.Path())
	if _, _, err := Open(link, Options{Mode: 0o666, UID: -1, GID: -1}, 3); err == nil {
		t.Error("a link was replaced")
	}
}

// TestOwnSparesFiles: a hard link to a file of ours has taken the place of a socket; the
// file keeps its mode.
func TestOwnSparesFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, path := filepath.Join(dir, "secret"), filepath.Join(dir, "sock")
	if err := errors.Join(os.WriteFile(secret, nil, 0o600), os.Link(secret, path)); err != nil {
		t.Fatal(err)
	}
	s := UnixSpec(unix.SOCK_STREAM, path)
	if err := Own(s, Options{}, Options{Mode: 0o666, UID: -1, GID: -1}, FileOf(s)); err == nil {
		t.Error("a file was taken for a socket")
	}
	if info, err := os.Stat(secret); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestUnfinished: the file that bind has just made is known by what nobody else can
// make, whatever lies at its path.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		mode uint32
		make func(socket, path string) error
		want bool
	}{
		{"a socket of ours", 0, os.Rename, true},
		{"one that is finished", 0o600, os.Rename, false},
		{"another name of one", 0, os.Link, false},
		{"a link to one", 0, os.Symlink, false},
		{"a file", 0, func(_, path string) error { return os.WriteFile(path, nil, 0) }, false},
	} {
		dir := t.TempDir()
		socket := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "socket"))
		open(t, socket, Options{Mode: tt.mode})
		at := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "path"))
		if err := tt.make(socket.Path(), at.Path()); err != nil {
			t.Fatal(err)
		}
		p, err := openPath(unix.AT_FDCWD, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.unfinished(); got != tt.want {
			t.Errorf("%s: unfinished is %v", tt.name, got)
		}
		unix.Close(p.fd)
	}
}

// TestOwnByRoot: a reload may give a path to others, back to root, and to whom a new file
// would belong.
func TestOwnByRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := t.TempDir()
	s := UnixSpec(unix.SOCK_STREAM, filepath.Join(dir, "sock"))
	was := Options{Mode: 0o600, UID: 1, GID: 1}
	fd, ours, err := Open(s, was, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd, s, ours)
	for _, tt := range []struct {
		uid, gid, dirGroup, wantUID, wantGID int
	}{
		{2, 3, -1, 2, 3},
		{0, 0, -1, 0, 0},
		{-1, -1, -1, 0, 0}, // unchanged
		{2, -1, -1, 2, 0},
		{-1, 3, -1, 0, 3},
		{-1, -1, -1, 0, 0},
		{2, 3, -1, 2, 3},
		{-1, -1, 4, 0, 4},
	} {
		if tt.dirGroup >= 0 {
			if err := errors.Join(os.Chown(dir, -1, tt.dirGroup), os.Chmod(dir, 0o755|os.ModeSetgid)); err != nil {
				t.Fatal(err)
			}
		}
		o := Options{Mode: 0o600, UID: tt.uid, GID: tt.gid}
		if err := Own(s, was, o, ours); err != nil {
			t.Fatal(err)
		}
		was = o
		var st unix.Stat_t
		if err := unix.Lstat(s.Path(), &st); err != nil || int(st.Uid) != tt.wantUID || int(st.Gid) != tt.wantGID {
			t.Errorf("%+v: it belongs to %d and %d; %v", tt, st.Uid, st.Gid, err)
		}
	}
}
