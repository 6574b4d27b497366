package inetd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/netdb"
	"inetd/internal/sock"
	"inetd/internal/strerror"
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
	known    []string // those and included ones that hold anything
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
	sources  sources
	services *netdb.Services
	from     origin // of services
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
		sources: sources{map[fileID]*conf.File{}, map[string][]*conf.File{}, 0},
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
	l.withoutServices()
	l.plan.accounts.Forget()
	l.dropReplaced()
	if l.checking && l.plan.err == nil && len(files) > 0 && len(l.notes) == 0 && !slices.ContainsFunc(l.parser.Problems, isError) {
		l.about(files[0], conf.Warning, "nothing to serve")
	}
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

// take adds what an entry asks for to the plan.
func (l *loader) take(e *conf.Entry) {
	v := l.entry(e)
	if l.checking {
		l.note(e, v)
	}
}

// The files of the system that names are looked up in.
const (
	servicesFile  = "/etc/services"
	protocolsFile = "/etc/protocols"
	programsFile  = "/etc/rpc"
	passwdFile    = "/etc/passwd"
	groupFile     = "/etc/group"
)

// databases reads what names are looked up in. Entries with port numbers do
// without a services file, so one that cannot be read is an error once a name
// is wanted.
func (l *loader) databases(files []string) (err error) {
	path := l.servicesFile(files)
	l.plan.watch = append(l.plan.watch, path)
	text, err := readText(path)
	l.services, l.from = netdb.ParseServices(text), origin{path: path, err: err}
	l.plan.accounts, err = account.Open(passwdFile, groupFile, account.Getent(l.getent))
	return err
}

// origin is the services file.
type origin struct {
	path   string
	err    error // of reading it
	wanted bool  // an entry needs it
}

// unread reports whether a services file that should be there was not read. The
// system's own may be missing.
func (l *loader) unread() bool {
	return l.from.err != nil && (l.cfg.Services != "" || !errors.Is(l.from.err, fs.ErrNotExist))
}

// withoutServices decides what a services file means that was not read.
func (l *loader) withoutServices() {
	switch {
	case !l.unread():
	case l.from.wanted:
		l.plan.err = cmp.Or(l.plan.err, l.from.err)
	default:
		l.about(l.from.path, conf.Warning, "services file not read: "+strerror.Cause(l.from.err)+"; no entry needs it")
	}
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
