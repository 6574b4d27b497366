package textfile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("file"), []byte("twelve bytes"), 0o600))
	must(os.Symlink("file", at("link")))
	must(os.Symlink("nowhere", at("dangling")))
	must(syscall.Mkfifo(at("fifo"), 0o600))
	must(os.Symlink("fifo", at("fifolink")))
	l, err := net.Listen("unix", at("socket"))
	must(err)
	defer l.Close()
	tests := []struct {
		path  string
		limit int64
		want  string
		err   string
	}{
		{at("file"), 12, "twelve bytes", ""},
		{at("file"), 11, "", "it has more than 11 bytes"},
		{at("link"), 12, "twelve bytes", ""},
		{os.DevNull, 12, "", ""},
		{"/proc/self/comm", 64, "textfile.test\n", ""}, // its size is 0 to stat(2)
		{at("none"), 12, "", "no such file or directory"},
		{at("dangling"), 12, "", "no such file or directory"},
		{at("fifo"), 12, "", "it is a FIFO"},
		{at("fifolink"), 12, "", "it is a FIFO"},
		{at("socket"), 12, "", "it is a socket"},
		{dir, 12, "", "is a directory"},
		{"/dev/zero", 12, "", "it is a device"},
		{"/dev/tty", 12, "", "it is a device"},
	}
	for _, tt := range tests {
		got, err := Read(tt.path, tt.limit)
		if got != tt.want {
			t.Errorf("%s: %q", tt.path, got)
		}
		p, ok := errors.AsType[*fs.PathError](err)
		if tt.err == "" && err != nil || tt.err != "" && (!ok || p.Path != tt.path || p.Err.Error() != tt.err) {
			t.Errorf("%s: %v, want %s", tt.path, err, tt.err)
		}
	}
}

func TestReadPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPipe(path, 100, time.Hour); err == nil || !strings.Contains(err.Error(), "nobody writes") {
		t.Errorf("without a writer: %v", err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteString("some text"); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPipe(path, 5, time.Hour); err == nil || !strings.Contains(err.Error(), "more than 5 bytes") {
		t.Errorf("too much: %v", err)
	}
	if _, err := ReadPipe(path, 100, time.Millisecond); err == nil || !strings.Contains(err.Error(), "has not ended after 1ms") {
		t.Errorf("a writer that does not end: %v", err)
	}
}

// TestReadPipeWithoutName reads a pipe such as a shell makes for <(command).
func TestReadPipeWithoutName(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("all of it"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", r.Fd())
	if !IsPipe(path) || IsPipe(os.DevNull) {
		t.Error("a pipe is not told from a device")
	}
	got, err := ReadPipe(path, 100, time.Hour)
	if got != "all of it" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ReadPipe(path, 100, time.Hour); err == nil || !strings.Contains(err.Error(), "nobody writes") {
		t.Errorf("a second time: %v", err)
	}
}
