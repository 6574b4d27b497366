package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/netdb"
	"inetd/internal/slab"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/wrap"
	"inetd/internal/xinetd"
)

// Problem is wrong, or worth saying, about an entry, which its label names, or
// about a line that is not an entry.
type Problem struct {
	conf.Problem
	label string
	cause cause
}

// LogLine puts the subject first, as people and scripts expect it of an inetd:
// "ftp/tcp: unknown service (/etc/inetd.conf:7:1)".
func (p Problem) LogLine() string {
	again := ""
	if p.cause == missing {
		again = "; it will be tried again"
	}
	if p.label == "" {
		return p.Problem.String() + again
	}
	where := p.Pos.String()
	if p.Hint != "" {
		where += "; " + p.Hint
	}
	return fmt.Sprintf("%s: %s (%s)%s", p.label, p.Text, where, again)
}

// Public is the problem with its subject in the text.
func (p Problem) Public() conf.Problem {
	c := p.Problem
	if p.label != "" {
		c.Text = p.label + ": " + c.Text
	}
	return c
}

// loader carries one load from files to a plan.
type loader struct {
	cfg      *Config
	host     *Host
	plan     Plan
	parser   conf.Parser
	taken    func(*conf.Entry) // is given each entry
	xinetd   *xinetd.Reader    // of the files of xinetd; nil: there are none
	sources  sources
	services *netdb.Services
	from     origin // of services
	classic  *netdb.Services
	programs *netdb.Programs // of the rpc file, once needed
	actions  map[Action]*Action
	last     *Action // the one made last
	lastKeys struct {
		keys *conf.Keys
		text string
	}
	lastAsks struct {
		keys *conf.Keys
		list []Ask
	}
	kept       kept
	fitted     map[fitted]*conf.Keys
	claims     map[sock.Spec]claim
	exposures  map[exposure]string         // what is wrong with directories of paths
	checked    map[checked]examine.Finding // what is wrong with servers
	unreadable map[string]string           // why banners cannot be read, by path
	made       slab.Of[Service]
	room       []Socket // for the sockets of the next services
	wants      []Socket // of the entry in hand
	mux        muxPlan
	told       map[string]bool   // notices that are said once a load
	replaced   map[conf.Pos]bool // lines of entries that lost all their sockets
	sec        wrap.Rules        // those of an inetd.sec
	names      *Names            // of hosts
	silent     map[string]int    // problems of hosts, by the host

	usable     int    // entries of all files
	converting bool   // for --convert: what is off is read as well
	checking   bool   // for --check: whoever loads, a daemon of root's would serve
	notes      []note // what became of each entry, if checking
}

// Load reads, parses and resolves the configuration. Hosts whose name servers do
// not answer at once are left to be tried again.
func Load(cfg *Config, host *Host) *Plan {
	_, p := run(cfg, host, false, promptTime)
	return p
}

// run carries out a load. Where hosts are named it does so twice: the second time
// with the answers that came within patience.
func run(cfg *Config, host *Host, checking bool, patience time.Duration) (*loader, *Plan) {
	l := newLoader(cfg, host, checking)
	p := l.load()
	if p.Late == nil || !p.Late.Asking {
		return l, p
	}
	p.Names.Await(patience)
	again := *host
	again.Names, again.Late = p.Names, p.Late
	l = newLoader(cfg, &again, checking)
	whole := l.load()
	whole.Err = cmp.Or(whole.Err, p.Err) // of finding the files, which is done once
	return l, whole
}

func newLoader(cfg *Config, host *Host, checking bool) *loader {
	l := &loader{
		cfg: cfg, host: host, names: host.Names, checking: checking,
		actions:   map[Action]*Action{},
		kept:      newKept(),
		fitted:    map[fitted]*conf.Keys{},
		claims:    make(map[sock.Spec]claim, host.Sockets),
		checked:   map[checked]examine.Finding{},
		exposures: map[exposure]string{},
		told:      map[string]bool{},
		replaced:  map[conf.Pos]bool{},
		silent:    map[string]int{},
		sources:   sources{files: map[fileID]*conf.File{}, named: map[string]*conf.File{}, included: map[string][]*conf.File{}},
	}
	l.taken = l.take
	if l.names == nil {
		l.names = (*Names)(nil).Renew()
	}
	l.plan.Identities, l.plan.Keys = map[Server]*Identity{}, map[string]*conf.Keys{}
	return l
}

func (l *loader) load() *Plan {
	if l.host.Late != nil {
		l.resume(l.host.Late)
	} else {
		l.read()
	}
	files := l.sources.paths
	if l.plan.Err == nil {
		l.plan.Accounts, l.plan.Err = l.host.OpenAccounts()
	}
	if l.plan.Err != nil {
		return l.result()
	}
	l.security()
	l.configuration(files)
	l.muxListener()
	l.withoutServices()
	l.plan.Accounts.Forget()
	l.dropReplaced()
	if l.checking && l.plan.Err == nil && len(files) > 0 && len(l.notes) == 0 && !slices.ContainsFunc(l.parser.Problems, isError) {
		l.about(files[0], conf.Warning, "nothing to serve")
	}
	sortProblems(l.plan.Problems)
	if len(l.names.hosts) > 0 {
		l.plan.Names = l.names
	}
	l.plan.Late = l.late()
	return l.result()
}

// read finds the configuration files and reads the services file.
func (l *loader) read() {
	l.sources.paths = l.files()
	if l.plan.Err == nil {
		l.databases(l.sources.paths)
	}
	l.sources.problems = slices.Clone(l.plan.Problems)
}

// result is the plan without the loader, whose tables would be kept with it.
func (l *loader) result() *Plan {
	p := l.plan
	return &p
}

// sortProblems puts problems in the order of their places.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// maxShown is how many problems of one kind are told one by one.
const maxShown = 3

// Condense shortens problems for people: of the same one on many lines it keeps
// the first few and a count.
func Condense(problems []Problem) (short []Problem) {
	type kind struct {
		severity conf.Severity
		text     string
	}
	all, told := map[kind][]Problem{}, map[kind]int{}
	for _, p := range problems {
		k := kind{p.Severity, p.Text}
		all[k] = append(all[k], p)
	}
	for _, p := range problems {
		k := kind{p.Severity, p.Text}
		told[k]++
		same := all[k]
		switch n := told[k]; {
		case n <= maxShown || p.Pos.Line == 0 || len(same) == maxShown+1:
			short = append(short, p)
		case n == maxShown+1:
			last, again := same[len(same)-1].Pos, "the same"
			if before := short[len(short)-1]; k != (kind{before.Severity, before.Text}) { // nobody would know what
				again = p.Text + "; the same"
			}
			p.Text = fmt.Sprintf("%s on %d more lines, up to %s", again, len(same)-maxShown, claim{nil, last.File, last.Line}.seenFrom(p.Pos.File))
			p.Hint = ""
			short = append(short, p)
		}
	}
	return short
}

// report notes a problem of an entry, at one of its columns.
func (l *loader) report(e *conf.Entry, at conf.Pos, s conf.Severity, text, hint string) {
	if at.Line == 0 {
		at = e.Pos
	}
	l.plan.Problems = append(l.plan.Problems, Problem{conf.Problem{Pos: at, Severity: s, Text: text, Hint: hint}, e.Label(), lasting})
}

// reportPassing is report for a problem that may pass by itself.
func (l *loader) reportPassing(c cause, e *conf.Entry, at conf.Pos, s conf.Severity, text, hint string) {
	l.report(e, at, s, text, hint)
	l.plan.Problems[len(l.plan.Problems)-1].cause = c
}

// take adds what an entry asks for to the plan.
func (l *loader) take(e *conf.Entry) {
	l.wholeUser(e)
	keys := e.Keys
	l.fit(e)
	v := l.entry(e)
	if l.checking {
		l.note(e, v)
	}
	e.Keys = keys // the next transport of the entry has them, too
}

// The files of the system that names are looked up in.
const (
	servicesFile  = "/etc/services"
	protocolsFile = "/etc/protocols"
	programsFile  = "/etc/rpc"
)

// databases reads what names are looked up in. Entries with port numbers do
// without a services file, so one that cannot be read is an error once a name
// is wanted.
func (l *loader) databases(files []string) {
	path := l.servicesFile(files)
	l.plan.Watch = append(l.plan.Watch, path)
	l.reading(&path)
	text, err := readText(path)
	l.reading(nil)
	l.services, l.from = netdb.ParseServices(text), origin{path: path, err: err}
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
		l.plan.Err = cmp.Or(l.plan.Err, l.from.err)
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
