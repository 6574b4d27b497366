package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadIsBounded: a configuration of too many files or bytes is refused, and a file
// that is included twice counts once.
func TestLoadIsBounded(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "f"), "# text\n")
	fresh := func() *loader { return newLoader(&Config{}, &Host{}, false) }
	l := fresh()
	l.sources.size = maxText - len("# text\n")
	for range 2 {
		if f, err := l.source(path, readConf); err != nil || f.Name != path {
			t.Errorf("the last file that fits: %v", err)
		}
	}
	l = fresh()
	l.sources.size = maxText
	if f, err := l.source(path, readConf); f != nil || err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("too many bytes: %v", err)
	}
	l = fresh()
	for i := range maxFiles {
		l.sources.files[fileID{inode: uint64(i)}] = nil
	}
	if f, err := l.source(path, readConf); f != nil || err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("too many files: %v", err)
	}
}

// TestSourceOncePerFile: a file is read once, even under two names.
func TestSourceOncePerFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "f"), "# text\n")
	other := filepath.Join(dir, "g")
	if err := os.Link(path, other); err != nil {
		t.Fatal(err)
	}
	reads := 0
	l := newLoader(&Config{}, &Host{}, false)
	read := func(path string) (string, error) {
		reads++
		return readConf(path)
	}
	first, err := l.source(path, read)
	second, err2 := l.source(other, read)
	if first == nil || first != second || err != nil || err2 != nil || reads != 1 {
		t.Errorf("%d reads: %v, %v", reads, err, err2)
	}
}

// TestIrregular: what keeps a path from being read is said in the C library's words.
func TestIrregular(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write(t, path("file"), "# text\n")
	for link, to := range map[string]string{"loop": "loop", "gone": "nosuch", "link": "file"} {
		if err := os.Symlink(to, path(link)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"file": "", "link": "", "": "it is a directory",
		"gone": "it is a link to a file that does not exist",
		"loop": "Too many levels of symbolic links",
	} {
		if got := irregular(path(name)); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
