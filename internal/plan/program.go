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

// tcpdPath is where tcpd(8) is. It looks into tcpdDir for a server without a slash.
const (
	tcpdPath = "/usr/sbin/tcpd"
	tcpdDir  = "/usr/sbin"
)

// server returns the path and the arguments of the server program. Where the daemon
// asks hosts.allow and hosts.deny itself it executes the server behind tcpd, as
// Debian's inetd does.
func (l *loader) server(e *conf.Entry) (path string, argv []string) {
	if e.Server != tcpdPath || e.Argv[0] == "" {
		return l.path(e), e.Argv
	}
	behind := e.Argv[0]
	if !filepath.IsAbs(behind) {
		behind = filepath.Join(tcpdDir, behind)
	}
	if l.cfg.Wrap && e.Type == conf.Stream && !e.Wait {
		l.checkServer(e, behind, conf.ColArgs)
		return behind, append([]string{filepath.Base(behind)}, e.Argv[1:]...)
	}
	if filepath.Base(behind) != "tcpd" { // tcpd alone has no server behind it
		l.checkServer(e, behind, conf.ColArgs)
	}
	return l.path(e), e.Argv
}

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
	l.checkServer(e, path, conf.ColServer)
	return path
}

// checkServer warns, at a column, of a server program that cannot be executed.
func (l *loader) checkServer(e *conf.Entry, path string, col int) {
	fault, ok := l.checked[path]
	if !ok {
		if fault = unusable(path); fault != "" && !strings.Contains(e.Server, "/") {
			fault = fmt.Sprintf("server %s is in none of %s and %s", e.Server, strings.Join(searchPath[:3], ", "), searchPath[3])
		}
		l.checked[path] = fault
	}
	if fault != "" {
		l.reportPassing(served, e, e.Cols[col], conf.Warning, fault, "")
	}
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
