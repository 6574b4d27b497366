package plan

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"inetd/internal/conf"
	"inetd/internal/strerror"
)

// searchPath is where a server without a slash is looked for, as busybox does.
var searchPath = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// path returns the path of the server program and warns of one that cannot be
// executed. The service is opened all the same: the program may come yet.
func (l *loader) path(e *conf.Entry) string {
	path := e.Server
	switch {
	case filepath.IsAbs(path):
	case strings.Contains(path, "/"):
		l.report(e, e.Cols[conf.ColServer], conf.Warning, fmt.Sprintf("server %s is seen from the daemon's directory", path), "an absolute path is safer")
	default:
		path = search(path)
	}
	fault, ok := l.checked[path]
	if !ok {
		if fault = unusable(path); fault != "" && !strings.Contains(e.Server, "/") {
			fault = fmt.Sprintf("server %s is in none of %s and %s", e.Server, strings.Join(searchPath[:3], ", "), searchPath[3])
		}
		l.checked[path] = fault
	}
	if fault != "" {
		l.report(e, e.Cols[conf.ColServer], conf.Warning, fault, "")
	}
	return path
}

func search(name string) string {
	for _, dir := range searchPath {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return filepath.Join(searchPath[0], name)
}

// unusable says why a server program cannot be executed by root, or nothing.
func unusable(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Sprintf("server %s: %s", path, strerror.Cause(err))
	case info.IsDir():
		return fmt.Sprintf("server %s is a directory", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("server %s is not executable", path)
	}
	return MissingInterpreter(path)
}

// MissingInterpreter explains why executing a file that exists gives "No such
// file or directory": the program in its first line does not exist.
func MissingInterpreter(path string) string {
	interp := interpreter(path)
	if interp == "" {
		return ""
	}
	if _, err := os.Stat(interp); err != nil {
		return fmt.Sprintf("interpreter %s of %s: %s", interp, path, strerror.Cause(err))
	}
	return ""
}

// interpreter returns the program named in the first line of a script.
func interpreter(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n') // the kernel reads no more
	rest, ok := strings.CutPrefix(string(line), "#!")
	if words := strings.Fields(rest); ok && len(words) > 0 {
		return words[0]
	}
	return ""
}
