package examine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(
		os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755), os.Symlink("file", at("link")), os.WriteFile(at("file"), nil, 0o644),
		os.WriteFile(at("open"), nil, 0o666), os.Chmod(at("open"), 0o666), os.Mkdir(at("tmp"), 0o777), os.Chmod(at("tmp"), 0o1777),
	)
	if err != nil {
		t.Fatal(err)
	}
	self, other := User{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}, User{UID: 54321, GID: 54321}
	for _, tt := range []struct {
		name string
		user User
		want string // "": nothing
	}{
		{"file", self, ""},
		{"new", self, ""},
		{"open", other, ""},
		{"tmp/new", other, ""},
		{"link", self, "it is a symbolic link, which is not followed; write the path that it leads to"},
		{"tmp", self, "it is a directory"},
		{"missing/new", self, "there is no directory DIR/missing"},
		{"file/new", self, "file DIR/file/new: Not a directory"},
		{"file", other, "the user of the service may not write it: its mode is 0644"},
		{"new", other, "it is missing, and the user of the service may make no file in DIR, whose mode is 0755; make it and give it to uid 54321"},
	} {
		if got := Append(at(tt.name), tt.user).String(); strings.ReplaceAll(got, dir, "DIR") != tt.want {
			t.Errorf("%s for %d: %q, want %q", tt.name, tt.user.UID, got, tt.want)
		}
	}
}
