package examine

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"inetd/internal/strerror"
)

// Append looks for what keeps u from appending to a file. The server's open(2) makes a
// missing file, and follows no symbolic link in its place.
func Append(path string, u User) Finding {
	if _, err := os.Stat(filepath.Dir(path)); os.IsNotExist(err) {
		return Finding{Cause: missing(path)}
	}
	if f := reach(path, u, "file"); f != (Finding{}) {
		return f
	}
	info, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return makes(path, u)
	case err != nil:
		return Finding{Cause: fmt.Sprintf("file %s: %s", path, strerror.Cause(err))}
	case info.Mode()&fs.ModeSymlink != 0:
		return Finding{"it is a symbolic link, which is not followed", "write the path that it leads to"}
	case info.IsDir():
		return Finding{Cause: "it is a directory"}
	case !u.may(info, 2):
		return Finding{Cause: fmt.Sprintf("the user of the service may not write it: its mode is %04o", info.Mode().Perm())}
	}
	return Finding{}
}

// makes looks for what keeps u from making a file.
func makes(path string, u User) Finding {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil || u.may(info, 2) {
		return Finding{}
	}
	return Finding{
		fmt.Sprintf("it is missing, and the user of the service may make no file in %s, whose mode is %04o", dir, info.Mode().Perm()),
		fmt.Sprintf("make it and give it to uid %d", u.UID),
	}
}
