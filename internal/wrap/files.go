package wrap

import (
	"errors"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"

	"inetd/internal/access"
	"inetd/internal/strerror"
	"inetd/internal/textfile"
)

// Rules answer who may connect.
type Rules func(access.Query) access.Verdict

// Files are files of access rules, with the rules that were read from them. They may be
// used by several goroutines.
type Files struct {
	paths []string
	parse func(texts [][]byte) (Rules, []access.Problem)

	mu       sync.Mutex
	rules    Rules
	states   []fileState
	contents []content
	settled  bool // any later change of the files shows in their states
}

// content is the text of a file, or why there is none.
type content struct {
	text string
	err  error
}

// Hosts returns the files hosts.allow and hosts.deny, by their paths.
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

// Sec returns HP-UX's inetd.sec, by its path.
func Sec(path string) *Files {
	return &Files{
		paths: []string{path},
		parse: func(texts [][]byte) (Rules, []access.Problem) {
			sec, problems := access.ParseSec(path, texts[0])
			return sec.Check, problems
		},
	}
}

// Fixed returns rules that are in no file.
func Fixed(r Rules) *Files {
	return &Files{parse: func([][]byte) (Rules, []access.Problem) { return r, nil }}
}

// Current returns the rules as they are on disk now. It returns their problems only if
// the rules have changed since the last call.
func (f *Files) Current() (Rules, []access.Problem) {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := statesOf(f.paths) // before reading, so that a change in between shows the next time
	if f.settled && slices.Equal(states, f.states) {
		return f.rules, nil
	}
	f.states, f.settled = states, settled(states)
	was := f.contents
	f.contents = read(f.paths)
	if f.rules != nil && slices.EqualFunc(was, f.contents, content.equal) {
		return f.rules, nil
	}
	var problems []access.Problem
	f.rules, problems = f.rulesOf(f.contents)
	return f.rules, problems
}

// Read reads and parses the files, even if they have not changed.
func (f *Files) Read() (Rules, []access.Problem) { return f.rulesOf(read(f.paths)) }

// rulesOf parses the texts of the files. A file that does not exist has no rules; one
// that cannot be read might have any, so nobody is let in.
func (f *Files) rulesOf(contents []content) (Rules, []access.Problem) {
	texts := make([][]byte, len(contents))
	for i, c := range contents {
		if c.err != nil {
			path, why := f.paths[i], strerror.Cause(c.err)
			refusal := access.Verdict{File: path, Note: why}
			problem := access.Problem{File: path, Text: why + ": nobody is let in"}
			return func(access.Query) access.Verdict { return refusal }, []access.Problem{problem}
		}
		texts[i] = []byte(c.text)
	}
	return f.parse(texts)
}

// read reads files. A file that does not exist is empty.
func read(paths []string) []content {
	contents := make([]content, len(paths))
	for i, path := range paths {
		text, err := textfile.Read(path, textfile.Limit)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		contents[i] = content{text, err}
	}
	return contents
}

func (c content) equal(d content) bool {
	return c.text == d.text && (c.err == nil) == (d.err == nil) && (c.err == nil || c.err.Error() == d.err.Error())
}

func readFile(path string) ([]byte, error) {
	text, err := textfile.Read(path, textfile.Limit)
	return []byte(text), err
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

// tick is longer than a step of the clock that the kernel takes file times from: 10 ms
// with CONFIG_HZ=100, the slowest.
const tick = 20 * time.Millisecond

// settled reports whether any further change of files whose states were read just now
// will show in their states.
func settled(states []fileState) bool {
	recent := time.Now().Add(-tick)
	return !slices.ContainsFunc(states, func(s fileState) bool { return time.Unix(s.changed.Unix()).After(recent) })
}
