package inetd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/netdb"
	"inetd/internal/sock"
	"inetd/internal/syslog"
	"inetd/internal/wrap"
)

// plan is the result of a load: everything that the configuration asks for,
// resolved, and nothing of it done yet.
type plan struct {
	services []*service
	mux      []*service // those of services that tcpmux hands out
	problems []problem
	files    []string // configuration files that were read, in order
	watch    []string // paths whose change on disk matters
	profiles map[question]*child.Profile
	accounts *account.DB
	secured  map[string]string // official service names by label; nil: there is no inetd.sec
	err      error             // the configuration as a whole cannot be used
}

// problem is a problem of an entry or of a line that is none. The label is
// empty for the latter.
type problem struct {
	conf.Problem
	label string
}

// logLine puts the subject first, as people and scripts expect it of an inetd:
// "ftp/tcp: unknown service (/etc/inetd.conf:7:1)".
func (p problem) logLine() string {
	if p.label == "" {
		return p.Problem.String()
	}
	where := p.Pos.String()
	if p.Hint != "" {
		where += "; " + p.Hint
	}
	return fmt.Sprintf("%s: %s (%s)", p.label, p.Text, where)
}

// public is the problem with its subject in the text.
func (p problem) public() conf.Problem {
	c := p.Problem
	if p.label != "" {
		c.Text = p.label + ": " + c.Text
	}
	return c
}

// loader carries one load from files to a plan. It runs beside the event loop
// and touches nothing of it.
type loader struct {
	cfg      *Config
	starter  *child.Starter // only to make profiles
	getent   getent
	plan     plan
	parser   conf.Parser
	services *netdb.Services
	classic  *netdb.Services
	programs *netdb.Programs // of the rpc file, once needed
	env      []string
	actions  map[deed]*action
	last     *action // the one made last
	claims   map[sock.Spec]claim
	checked  map[string]string // server path → what is wrong with it
	blocks   blocks
	wants    []want // of the entry in hand
	mux      muxPlan
	noIPv6   bool
	told     map[string]bool // notices that are said once a load
	sec      wrap.Rules      // those of an inetd.sec

	checking bool   // for --check: whoever loads, a daemon of root's would serve
	notes    []note // what became of each entry, if checking
}

// load reads, parses and resolves the configuration. It has no effect on
// anything that runs.
func load(cfg *Config, starter *child.Starter, ask getent) *plan {
	return newLoader(cfg, starter, ask).load()
}

func newLoader(cfg *Config, starter *child.Starter, ask getent) *loader {
	l := &loader{
		cfg: cfg, starter: starter, getent: ask,
		env:     environment(cfg.KeepEnv),
		actions: map[deed]*action{},
		claims:  make(map[sock.Spec]claim, cfg.expected),
		checked: map[string]string{},
		told:    map[string]bool{},
		noIPv6:  !haveIPv6(),
	}
	l.plan.profiles = map[question]*child.Profile{}
	return l
}

func (l *loader) load() *plan {
	files := l.files()
	if l.plan.err == nil {
		l.plan.err = l.databases(files)
	}
	if l.plan.err != nil {
		return l.result()
	}
	l.security()
	l.configuration(files)
	l.muxListener()
	l.plan.accounts.Forget()
	l.dropReplaced()
	sortProblems(l.plan.problems)
	return l.result()
}

// result is the plan without the loader, whose tables would be kept with it.
func (l *loader) result() *plan {
	p := l.plan
	return &p
}

// sortProblems puts problems in the order of their places.
func sortProblems(problems []problem) {
	slices.SortStableFunc(problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// report notes a problem of an entry, at one of its columns.
func (l *loader) report(e *conf.Entry, at conf.Pos, s conf.Severity, text, hint string) {
	if at.Line == 0 {
		at = e.Pos
	}
	l.plan.problems = append(l.plan.problems, problem{conf.Problem{Pos: at, Severity: s, Text: text, Hint: hint}, e.Label()})
}

// configuration adds the services of all files to the plan. An entry may be
// amended by a definition in a later file, so all are read first. All have
// their problems reported, and the first error counts.
func (l *loader) configuration(paths []string) {
	l.parser.Include = l.include
	files, errs := make([]*conf.File, len(paths)), make([]error, len(paths))
	for i, path := range paths {
		files[i], errs[i] = l.read(path)
	}
	for i, file := range files {
		if errs[i] == nil {
			errs[i] = l.file(file)
		}
	}
	l.plan.err = cmp.Or(errs...)
	l.parser.Unused()
	for _, p := range l.parser.Problems {
		l.plan.problems = append(l.plan.problems, problem{Problem: p})
	}
}

func (l *loader) read(path string) (*conf.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	l.plan.files = append(l.plan.files, path)
	file := &conf.File{Name: path, Text: string(text)}
	l.parser.Gather(file)
	return file, nil
}

// file adds the services of one configuration file to the plan.
func (l *loader) file(file *conf.File) error {
	first, usable := len(l.parser.Problems), 0
	for e := range l.parser.Entries(file) {
		usable++
		l.take(e)
	}
	if usable == 0 && slices.ContainsFunc(l.parser.Problems[first:], isError) {
		return fmt.Errorf("%s: Unusable configuration file", file.Name)
	}
	return nil
}

// take adds what an entry asks for to the plan.
func (l *loader) take(e *conf.Entry) {
	v := l.entry(e)
	if l.checking {
		l.note(e, v)
	}
}

func isError(p conf.Problem) bool { return p.Severity == conf.Error }

// files lists the configuration files: operands, with directories replaced by
// what lies in them.
func (l *loader) files() []string {
	var files []string
	for _, path := range l.cfg.Files {
		l.plan.watch = append(l.plan.watch, path)
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			files = append(files, l.directory(path)...)
		case errors.Is(err, fs.ErrNotExist) && !l.cfg.Explicit && !slices.Contains(l.cfg.known, path):
			// A default file need not be there. One that was is missed.
		default:
			files = append(files, path)
		}
	}
	return files
}

// directory lists the configuration files in a directory in the order of their
// names. What editors and package managers leave behind is skipped.
func (l *loader) directory(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.plan.err = err
	}
	var files []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if why := dropping(e.Name()); why != "" {
			l.plan.problems = append(l.plan.problems, problem{Problem: conf.Problem{
				Pos: conf.Pos{File: path, Line: 1}, Severity: conf.Hint, Text: "file skipped: " + why}})
			continue
		}
		files = append(files, path)
	}
	return files
}

// dropping says why a file in a configuration directory is not meant to be
// read, or nothing.
func dropping(name string) string {
	switch {
	case strings.HasPrefix(name, "."):
		return "its name begins with a dot"
	case strings.HasSuffix(name, "~"), strings.HasPrefix(name, "#"):
		return "an editor's copy"
	}
	for _, s := range []string{".swp", ".swo", ".bak", ".orig", ".rej", ".old", ".rpmsave", ".rpmnew", ".rpmorig", ".disabled"} {
		if strings.HasSuffix(name, s) {
			return "its name ends in " + s
		}
	}
	for _, s := range []string{".dpkg-", ".ucf-"} {
		if strings.Contains(name, s) {
			return "a package manager's copy"
		}
	}
	return ""
}

// include answers NetBSD's .include: the regular files that match a pattern,
// which is relative to the including file.
func (l *loader) include(from, pattern string) ([]*conf.File, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(from), pattern)
	}
	l.plan.watch = append(l.plan.watch, filepath.Dir(pattern))
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var files []*conf.File
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, &conf.File{Name: path, Text: string(text)})
	}
	return files, nil
}

// The files of the system that names are looked up in.
const (
	servicesFile  = "/etc/services"
	protocolsFile = "/etc/protocols"
	programsFile  = "/etc/rpc"
	passwdFile    = "/etc/passwd"
	groupFile     = "/etc/group"
)

// databases reads what names are looked up in.
func (l *loader) databases(files []string) (err error) {
	path := l.servicesFile(files)
	l.plan.watch = append(l.plan.watch, path)
	text, err := os.ReadFile(path)
	if err != nil && (l.cfg.Services != "" || !errors.Is(err, fs.ErrNotExist)) {
		return err
	}
	l.services = netdb.ParseServices(text)
	l.plan.accounts, err = account.Open(passwdFile, groupFile, account.Getent(l.getent))
	return err
}

// servicesFile chooses the services file: the one that was asked for, one in
// the directory of the configuration file, or the system's.
func (l *loader) servicesFile(files []string) string {
	if l.cfg.Services != "" {
		return l.cfg.Services
	}
	if len(files) > 0 {
		beside := filepath.Join(filepath.Dir(files[0]), "services")
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside
		}
	}
	return servicesFile
}

// priorities are the log priorities of problems.
var priorities = map[conf.Severity]syslog.Priority{conf.Hint: syslog.Info, conf.Warning: syslog.Warning, conf.Error: syslog.Err}
