package wrap

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"

	"inetd/internal/access"
	"inetd/internal/strerror"
)

// Rules answer who may connect.
type Rules func(access.Query) access.Verdict

// Files are files of access rules and what they say. They may be used by
// several goroutines.
type Files struct {
	paths []string
	parse func(texts [][]byte) (Rules, []access.Problem)

	mu     sync.Mutex
	states []fileState
	rules  Rules
}

// Hosts are the files hosts.allow and hosts.deny.
func Hosts(allow, deny string) *Files {
	return &Files{
		paths: []string{allow, deny},
		parse: func(texts [][]byte) (Rules, []access.Problem) {
			t, problems := access.ParseHosts(allow, texts[0], deny, texts[1])
			t.ReadFile = readFile
			return t.Check, problems
		},
	}
}

// Sec is HP-UX's inetd.sec.
func Sec(path string) *Files {
	return &Files{
		paths: []string{path},
		parse: func(texts [][]byte) (Rules, []access.Problem) {
			sec, problems := access.ParseSec(path, texts[0])
			return sec.Check, problems
		},
	}
}

// Current returns the rules as they are on disk, and their problems if they
// have been read again for that.
func (f *Files) Current() (Rules, []access.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := statesOf(f.paths) // before the reading: no change may fall between
	if f.rules != nil && slices.Equal(states, f.states) {
		return f.rules, nil
	}
	var problems []access.Problem
	f.states = states
	f.rules, problems = f.Read()
	return f.rules, problems
}

// Read reads and parses the files. One that does not exist has no rules; one
// that cannot be read might have any, so nobody is let in.
func (f *Files) Read() (Rules, []access.Problem) {
	texts := make([][]byte, len(f.paths))
	for i, path := range f.paths {
		text, err := readFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			refusal := access.Verdict{File: path, Note: strerror.Cause(err)}
			problem := access.Problem{File: path, Text: strerror.Cause(err) + ": nobody is let in"}
			return func(access.Query) access.Verdict { return refusal }, []access.Problem{problem}
		}
		texts[i] = text
	}
	return f.parse(texts)
}

// readFile reads a file unless it is a FIFO, which might never end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe != 0 {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a FIFO")}
	}
	return os.ReadFile(path)
}

// fileState tells one version of a file from another. It is zero if there is
// no file.
type fileState struct {
	device, inode    uint64
	size             int64
	changed, written syscall.Timespec
}

func statesOf(paths []string) []fileState {
	states := make([]fileState, len(paths))
	for i, path := range paths {
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil {
			states[i] = fileState{uint64(st.Dev), st.Ino, st.Size, st.Ctim, st.Mtim}
		}
	}
	return states
}
