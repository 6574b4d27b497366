package examine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProgramBelowRoot: a server with another root directory finds its program, and all
// that the program needs, below that directory or not at all, even if links lead out of
// it.
func TestProgramBelowRoot(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cat, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	put("bin/cat", string(cat))
	put("bin/script", "#!/bin/sh\n")
	put("bin/other", "#!/bin/interpreter\n")
	put("bin/interpreter", "\x7fELF")
	for from, to := range map[string]string{"bin/link": "/bin/script", "bin/out": "/usr/bin/env"} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/bin/true":   "server /bin/true: No such file or directory below " + root,
		"/bin/script": "interpreter /bin/sh of /bin/script: No such file or directory below " + root,
		"/bin/link":   "interpreter /bin/sh of /bin/link: No such file or directory below " + root,
		"/bin/out":    "server /bin/out: No such file or directory below " + root,
		"/bin/other":  "interpreter /bin/interpreter is damaged: ",
		"/bin/cat":    "loader ",
	} {
		f := Program(path, User{UID: 0, Root: root})
		if !strings.HasPrefix(f.Cause, want) || f.Advice != "a server with chroot needs its program, interpreter and libraries there" {
			t.Errorf("%s: %v", path, f)
		}
		if outside := Program(path, User{}); path == "/bin/cat" && outside != (Finding{}) {
			t.Errorf("%s: %v", path, outside)
		}
	}
	if f := Program("/bin/cat", User{Root: "/"}); f != (Finding{}) {
		t.Errorf("below /: %v", f)
	}
}

// TestNoMoreProcesses: execve(2) fails with EAGAIN for a user who has more processes
// than the limit.
func TestNoMoreProcesses(t *testing.T) {
	t.Parallel()
	want := Finding{"its user has as many processes as it may", "raise ulimit -u or the key rlimit_nproc"}
	if f := Failed("/bin/cat", User{}, unix.EAGAIN); f != want {
		t.Error(f)
	}
}
