package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpenMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := Open(filepath.Join(dir, "passwd"), filepath.Join(dir, "group"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`unknown user "root" (there is no %s/passwd)`, dir)
	if _, err := db.Lookup("root", ""); err == nil || err.Error() != want {
		t.Errorf("root without a file: %v, want %s", err, want)
	}
	if c, err := db.Lookup("0", "0"); err != nil || c.UID != 0 || c.GID != 0 {
		t.Errorf("numbers: %+v, %v", c, err)
	}
}

func TestOpenUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ok := filepath.Join(dir, "ok")
	if err := os.WriteFile(ok, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][2]string{{dir, ok}, {ok, dir}, {ok + "/below", ok}} {
		bad := paths[0]
		if bad == ok {
			bad = paths[1]
		}
		if _, err := Open(paths[0], paths[1], nil); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("Open%q = %v, want an error that names %s", paths, err, bad)
		}
	}
}

// TestOpenBytes: a byte order mark hides no user, and a damaged file answers
// nothing, because who is missing in it would be unknown.
func TestOpenBytes(t *testing.T) {
	t.Parallel()
	const line = "alice:x:1:2::/:/bin/sh\n"
	path := filepath.Join(t.TempDir(), "passwd")
	tests := []struct{ text, want string }{
		{line, ""},
		{"\xef\xbb\xbf" + line, ""},
		{line + "\x00", path + ":2:1: NUL byte"},
		{strings.ReplaceAll(line, "", "\x00"), path + ":1:1: "},
		{"\xff\xfea\x00", path + ":1:1: the file is in UTF-16"},
	}
	for _, tt := range tests {
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path, os.DevNull, nil)
		if tt.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%q: %v", tt.text, err)
		}
		if c, err := db.Lookup("alice", ""); err != nil || c.UID != 1 {
			t.Errorf("%q: %+v, %v", tt.text, c, err)
		}
	}
}

// TestOpenFIFO: a FIFO is not waited for.
func TestOpenFIFO(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := Open(path, os.DevNull, nil)
		failed <- err
	}()
	select {
	case err := <-failed:
		if err == nil || !strings.Contains(err.Error(), path+": it is a FIFO") {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Open waits for a writer")
	}
}

func TestOpenForbidden(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	path := filepath.Join(t.TempDir(), "group")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(os.DevNull, path, nil); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want permission denied with the path", err)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		want   bool
		change func(path string) error
	}{
		{"nothing", false, func(string) error { return nil }},
		{"grown", true, func(p string) error { return os.WriteFile(p, []byte(passwd+"new:x:9:9:::\n"), 0o644) }},
		{"touched", true, func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) }},
		{"gone", true, os.Remove},
		{"replaced", true, replace},
		{"replaced by a link to itself", false, func(p string) error {
			return errors.Join(os.Rename(p, p+".real"), os.Symlink(p+".real", p))
		}},
		{"chmod", false, func(p string) error { return os.Chmod(p, 0o600) }},
	}
	for _, tt := range tests {
		for _, forget := range []bool{false, true} {
			db := write(t, passwd, group, nil)
			if forget {
				db.Forget()
			}
			for _, f := range []file{db.passwd, db.group} {
				if db.Changed() != (tt.want && f.path == db.group.path) {
					t.Errorf("%s: before %s: changed is %v", tt.name, filepath.Base(f.path), db.Changed())
				}
				if err := tt.change(f.path); err != nil {
					t.Fatal(err)
				}
			}
			if db.Changed() != tt.want {
				t.Errorf("%s: changed is %v", tt.name, db.Changed())
			}
		}
	}
}

// replace renames an equal file, with the same times, over path.
func replace(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(path+".new", text, 0o644),
		os.Chtimes(path+".new", info.ModTime(), info.ModTime()),
		os.Rename(path+".new", path))
}

func TestChangedFromMissing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwd")
	db, err := Open(path, os.DevNull, nil)
	if err != nil {
		t.Fatal(err)
	}
	if db.Changed() {
		t.Error("a file that stays away has changed")
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !db.Changed() {
		t.Error("a file that came up has not changed")
	}
}

// TestMemory: after Forget, what was looked up must not hold the text of the
// whole file. It is not parallel, so the heap is its own.
func TestMemory(t *testing.T) {
	big := strings.Repeat("x", 16<<20)
	db := write(t, "alice:x:1000:100:"+big+":/home/alice:/bin/zsh\n", "users:x:100:alice,"+big+"\n", nil)
	got, err := db.Lookup("alice", "")
	if err != nil {
		t.Fatal(err)
	}
	full := heap()
	db.Forget()
	if freed := full - heap(); freed < 2*int64(len(big)) {
		t.Errorf("only %d bytes of two texts of %d were freed", freed, len(big))
	}
	runtime.KeepAlive(got)
	runtime.KeepAlive(db)
	runtime.KeepAlive(big)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
