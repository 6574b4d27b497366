package examine

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Memory keeps what was found out about programs that could not be executed, so that a
// program that fails to start a thousand times is looked at once. The zero value is ready
// for use, by any goroutine.
type Memory struct {
	findings sync.Map     // from a failure to what Why says of it
	known    atomic.Int32 // how many findings there are
}

// maxFindings is how many findings are kept.
const maxFindings = 256

// failure is a failed start. If the file has changed since, it is another failure.
type failure struct {
	path, who string
	errno     syscall.Errno
	version   [2]unix.Timespec
	inode     uint64
}

// Why says what keeps a program from being executed by a user, to follow the text of the
// errno of its exec: after a colon or a semicolon, or "" if that text says it all. It
// reads files, which may lie on a file system that does not answer.
func (m *Memory) Why(path string, who User, e syscall.Errno) string {
	f := failure{path: path, who: fmt.Sprint(who), errno: e}
	var st unix.Stat_t
	if unix.Stat(filepath.Join(who.Root, path), &st) == nil {
		f.version, f.inode = [2]unix.Timespec{st.Mtim, st.Ctim}, st.Ino
	}
	if why, ok := m.findings.Load(f); ok {
		return why.(string)
	}
	why := Why(path, who, e)
	if m.known.Add(1) > maxFindings {
		m.findings.Clear()
		m.known.Store(1)
	}
	m.findings.Store(f, why)
	return why
}

// Why is Memory.Why without a memory.
func Why(path string, who User, e syscall.Errno) string {
	f := Failed(path, who, e)
	what, _ := who.words()
	switch same := what + " " + path + ": " + strerror.Errno(e); {
	case f.Cause == same && f.Advice == "", f.Cause == "":
		return ""
	case f.Cause == same:
		return "; " + f.Advice
	}
	return ": " + f.String()
}
