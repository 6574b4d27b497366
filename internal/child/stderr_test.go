package child

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// writes is a server that writes to both of its outputs.
func writes(u Setup) Command {
	return Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo out; echo err >&2; ls /proc/self/fd | wc -w >&2"}, Setup: u}
}

// TestStderrFile: in each mode of starting a server the file is made if it is missing,
// readable by few, and else appended to; the server gets no further descriptor.
func TestStderrFile(t *testing.T) {
	h := cloning(t)
	path := filepath.Join(t.TempDir(), "log")
	want := ""
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		_, client := h.start(h.prepare(writes(Setup{Stderr: path, HasUmask: true, Umask: 0o002})), "")
		if st := h.await(); st.Stage != Run || st.Wait != 0 {
			t.Fatalf("%+v", st)
		}
		out, _ := io.ReadAll(client)
		client.Close()
		want += "err\n4\n" // ls has the directory open, too
		if got, err := os.ReadFile(path); string(out) != "out\n" || string(got) != want {
			t.Errorf("crowded %v: out %q, err %q, want %q, %v", crowded, out, got, want, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestStderrFileFails: a symbolic link is not followed, nobody waits for a reader of a
// pipe, and the file is opened with the rights of the server's user alone. If that fails
// the server does not run.
func TestStderrFileFails(t *testing.T) {
	h := cloning(t)
	dir := t.TempDir()
	link, pipe, own := filepath.Join(dir, "link"), filepath.Join(dir, "pipe"), filepath.Join(dir, "own")
	err := errors.Join(os.Symlink("target", link), unix.Mkfifo(pipe, 0o600), os.WriteFile(own, nil, 0o600), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path  string
		root  bool
		errno syscall.Errno
	}{
		{link, false, syscall.ELOOP},
		{pipe, false, syscall.ENXIO},
		{dir, false, syscall.EISDIR},
		{filepath.Join(dir, "missing", "log"), false, syscall.ENOENT},
		{own, true, syscall.EACCES},
		{filepath.Join(dir, "new"), true, syscall.EACCES},
	} {
		if tt.root && os.Getuid() != 0 {
			continue
		}
		c := writes(Setup{Stderr: tt.path})
		if tt.root {
			c.Cred = &Credential{UID: 12345, GID: 12345}
		}
		_, client := h.start(h.prepare(c), "")
		if st := h.await(); st.Stage != Stderr || st.Errno != tt.errno || !strings.HasPrefix(st.Error(""), "stderr: ") {
			t.Errorf("%s: %+v, want %v", tt.path, st, tt.errno)
		}
		if out, _ := io.ReadAll(client); len(out) > 0 {
			t.Errorf("%s: the server ran: %q", tt.path, out)
		}
		client.Close()
	}
	if _, err := os.Stat(filepath.Join(dir, "target")); err == nil {
		t.Error("the target of the link was made")
	}
}

// TestStderrBlocks: a pipe with a reader may block the server's writes, as servers expect
// of standard error.
func TestStderrBlocks(t *testing.T) {
	h := cloning(t)
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_, client := h.start(h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "grep flags /proc/self/fdinfo/2"}, Setup: Setup{Stderr: path}}), "")
	defer client.Close()
	h.await()
	if out, _ := io.ReadAll(client); strings.TrimLeft(string(out), "flags:\t 0") != "2001\n" && !strings.HasSuffix(string(out), "02001\n") {
		t.Errorf("%q, want O_WRONLY|O_APPEND", out)
	}
}

// TestStderrNull: /dev/null is opened before the root is changed to one without it.
func TestStderrNull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot takes root")
	}
	h := cloning(t)
	_, client := h.start(h.prepare(Command{Path: "/sh", Argv: []string{"sh"}, Setup: Setup{Root: t.TempDir(), Stderr: os.DevNull}}), "")
	defer client.Close()
	if st := h.await(); st.Stage != Exec || st.Errno != syscall.ENOENT {
		t.Errorf("%+v, want a missing program", st)
	}
}

// TestStderrFileOfListener: a server started as systemd does it keeps its file when
// descriptors 0 and 1 become /dev/null.
func TestStderrFileOfListener(t *testing.T) {
	h := cloning(t)
	path := filepath.Join(t.TempDir(), "log")
	p := h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo out; echo err >&2; echo socket >&3"}, Setup: Setup{Stderr: path}})
	p.Listen = true
	_, client := h.start(p, "")
	defer client.Close()
	h.await()
	out, _ := io.ReadAll(client)
	if got, err := os.ReadFile(path); string(got) != "err\n" || string(out) != "socket\n" {
		t.Errorf("%q and %q, %v", out, got, err)
	}
}
