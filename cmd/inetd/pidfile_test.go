package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPidFileIsLockedAndAskedFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.pid")
	if pid, err := holder(path); pid != 0 || err != nil {
		t.Errorf("no file: held by %d, %v", pid, err)
	}
	p, err := lockPidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("the file holds %q", text)
	}
	if pid, err := holder(path); pid != os.Getpid() || err != nil {
		t.Errorf("locked: held by %d, %v", pid, err)
	}
	_, err = lockPidFile(path)
	if running := runningError(0); !errors.As(err, &running) || int(running) != os.Getpid() {
		t.Errorf("second lock: %v", err)
	}
	p.remove()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after remove: %v", err)
	}
}

func TestPidFileIsTakenOver(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "1\n", "4194304", " 123456789 \n"} {
		path := filepath.Join(t.TempDir(), "inetd.pid")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if pid, err := holder(path); pid != 0 || err != nil {
			t.Errorf("%q: held by %d, %v", text, pid, err)
		}
		p, err := lockPidFile(path)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if text, _ := os.ReadFile(path); string(text) != fmt.Sprintln(os.Getpid()) {
			t.Errorf("the file holds %q", text)
		}
		p.remove()
	}
}

func TestPidFileIsNothingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ftp stream tcp", "12 34", "-1", "0x10", "99999999999", strings.Repeat("1", 99)} {
		path := filepath.Join(t.TempDir(), "inetd.pid")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := lockPidFile(path); err == nil {
			t.Errorf("%q was overwritten", text)
		}
		if after, _ := os.ReadFile(path); string(after) != text {
			t.Errorf("%q became %q", text, after)
		}
	}
}

// TestPidFileOfAnother: a file that somebody has put in the place of ours is not removed.
func TestPidFileOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.pid")
	first, err := lockPidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := lockPidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first.remove()
	if pid, err := holder(path); pid != os.Getpid() || err != nil {
		t.Errorf("held by %d, %v", pid, err)
	}
	second.remove()
}

// TestPidFileHandOver: of daemons that start and end at the same moment only one at a time
// has the file.
func TestPidFileHandOver(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.pid")
	owners := make(chan struct{}, 1)
	done := make(chan error)
	const daemons, rounds = 4, 200
	for range daemons {
		go func() {
			for range rounds {
				p, err := lockPidFile(path)
				if running := runningError(0); errors.As(err, &running) {
					continue
				}
				if err != nil {
					done <- err
					return
				}
				select {
				case owners <- struct{}{}:
				default:
					done <- errors.New("two have the lock")
					return
				}
				<-owners
				p.remove()
			}
			done <- nil
		}()
	}
	for range daemons {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// holderInTime returns the error of holder, which must not block.
func holderInTime(path string) error {
	answer := make(chan error, 1)
	go func() {
		_, err := holder(path)
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-time.After(10 * time.Second):
		return os.ErrDeadlineExceeded
	}
}

// TestPidFileOfDoubt: in a directory that others may write to, somebody may have put a pipe,
// or a second name of a file of ours, in the place of the pid file. No process is signalled
// because of it, and nothing is written to it.
func TestPidFileOfDoubt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		plant func(path string) error
		want  string
	}{
		{"two names", func(path string) error { return os.Link(path, path+".other") }, "has another name"},
		{"open to all", func(path string) error { return os.Chmod(path, 0o666) }, "others than its owner can write it"},
		{"open to a group", func(path string) error { return os.Chmod(path, 0o664) }, "others than its owner can write it"},
		{"a link", func(path string) error {
			return errors.Join(os.Rename(path, path+".other"), os.Symlink(path+".other", path))
		}, "symbolic link"},
		{"a pipe", func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o644)) }, "is not a regular file"},
	} {
		path := filepath.Join(t.TempDir(), "inetd.pid")
		if err := errors.Join(os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644), tt.plant(path)); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
			t.Fatal(err)
		}
		if err := holderInTime(path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		f.Close()
		if err := holderInTime(path); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v although nobody has it", tt.name, err)
		}
		if strings.HasPrefix(tt.name, "open to") { // a daemon may still lock such a file of its own
			continue
		}
		if _, err := lockPidFile(path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: lock: %v; want %q", tt.name, err, tt.want)
		}
	}
}

// TestPidFileMode: a file that was left writable for all is writable only for its owner once
// the daemon has locked it.
func TestPidFileMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "inetd.pid")
	if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	p, err := lockPidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer p.remove()
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
