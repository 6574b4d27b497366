package wrap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/access"
	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// TestBannerOfAnother: a directory of banners may belong to somebody else, who puts a
// symbolic or hard link to one of root's files there. That file is not shown.
func TestBannerOfAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files away")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(
		os.WriteFile(at("secret"), []byte("secret"), 0o600),
		os.WriteFile(at("plain"), []byte("plain"), 0o600),
		os.Symlink(at("plain"), at("ours")),
		os.Symlink("plain", at("beside")),
		os.Symlink(at("secret"), at("theirs")),
		os.Lchown(at("theirs"), 65534, 65534),
		os.Symlink("theirs", at("by way of theirs")),
		os.Link(at("secret"), at("name")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, refused string }{
		{"plain", "plain", ""},
		{"ours", "plain", ""},
		{"beside", "plain", ""},
		{"theirs", "", "link of uid 65534"},
		{"by way of theirs", "", "link of uid 65534"},
		{"name", "", "another name"},
		{"none", "", ""},
	} {
		client, fd := socktest.Connection(t)
		a := &Answer{Query: access.Query{Daemon: tt.name}}
		err := a.showBanner(fd, dir)
		unix.Close(fd)
		b := make([]byte, 100)
		n, _ := client.Read(b)
		if string(b[:n]) != tt.text {
			t.Errorf("%s: shown %q, want %q", tt.name, b[:n], tt.text)
		}
		if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.refused)
		}
	}
}
