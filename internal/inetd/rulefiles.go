package inetd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"

	"inetd/internal/access"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
)

// The files of access rules.
const (
	allowFile = "/etc/hosts.allow"
	denyFile  = "/etc/hosts.deny"
	secFile   = "/var/adm/inetd.sec" // HP-UX
)

// rules answer who may connect.
type rules func(access.Query) access.Verdict

// ruleFiles are files of access rules and what they say. They may be used by
// several goroutines.
type ruleFiles struct {
	paths []string
	parse func(texts [][]byte) (rules, []access.Problem)

	mu     sync.Mutex
	states []fileState
	rules  rules
}

// hostRules are the rules of hosts.allow and hosts.deny.
func hostRules(c *Config) *ruleFiles {
	return &ruleFiles{
		paths: []string{c.AllowFile, c.DenyFile},
		parse: func(texts [][]byte) (rules, []access.Problem) {
			t, problems := access.ParseHosts(c.AllowFile, texts[0], c.DenyFile, texts[1])
			t.ReadFile = readRules
			return t.Check, problems
		},
	}
}

// secRules are the rules of HP-UX's inetd.sec.
func secRules(c *Config) *ruleFiles {
	return &ruleFiles{
		paths: []string{c.SecFile},
		parse: func(texts [][]byte) (rules, []access.Problem) {
			sec, problems := access.ParseSec(c.SecFile, texts[0])
			return sec.Check, problems
		},
	}
}

// current returns the rules as they are on disk. When they are read their
// problems are logged.
func (r *ruleFiles) current(log *syslog.Logger) rules {
	r.mu.Lock()
	defer r.mu.Unlock()
	states := statesOf(r.paths) // before the reading: no change may fall between
	if r.rules != nil && slices.Equal(states, r.states) {
		return r.rules
	}
	var problems []access.Problem
	r.states = states
	r.rules, problems = r.read()
	for _, p := range problems {
		log.Warningf("%s", ruleProblem(p))
	}
	return r.rules
}

// read reads and parses the files. One that does not exist has no rules; one
// that cannot be read might have any, so nobody is let in.
func (r *ruleFiles) read() (rules, []access.Problem) {
	texts := make([][]byte, len(r.paths))
	for i, path := range r.paths {
		text, err := readRules(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			refusal := access.Verdict{File: path, Note: strerror.Cause(err)}
			problem := access.Problem{File: path, Text: strerror.Cause(err) + ": nobody is let in"}
			return func(access.Query) access.Verdict { return refusal }, []access.Problem{problem}
		}
		texts[i] = text
	}
	return r.parse(texts)
}

// readRules reads a file unless it is a FIFO, which might never end.
func readRules(path string) ([]byte, error) {
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

func ruleProblem(p access.Problem) string {
	text := p.File + ": " + p.Text
	if p.Line > 0 {
		text = fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Text)
	}
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}
