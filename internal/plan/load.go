package plan

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/netdb"
	"inetd/internal/slab"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/wrap"
	"inetd/internal/xinetd"
)

// Problem is a mistake, or something worth saying, about the entry that its label
// names, or about a line or file if it has no label.
type Problem struct {
	conf.Problem
	label string
	cause cause
}

// LogLine returns the problem as it is logged. The subject comes first, as people and
// scripts expect of an inetd: "ftp/tcp: unknown service (/etc/inetd.conf:7:1)".
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

// Public returns the problem with its subject in front of the text.
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
	taken    func(*conf.Entry) // is called with each entry
	xinetd   *xinetd.Reader    // reads xinetd's files; nil: there are none
	sources  sources
	services *netdb.Services
	from     origin // where services comes from
	classic  *netdb.Services
	programs *netdb.Programs // of the rpc file, read when first needed
	actions  map[Action]*Action
	last     *Action // the action of the entry before
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
	exposures  map[exposure]string         // what is wrong with the directories of paths
	checked    map[checked]examine.Finding // what is wrong with server programs
	passed     checked                     // the last one that nothing is wrong with
	unreadable map[string]string           // why a banner cannot be read, by its path
	made       slab.Of[Service]
	room       []Socket // memory for the sockets of the next services
	wants      []Socket // sockets of the current entry
	mux        muxPlan
	told       map[string]bool   // notices that a load gives only once
	replaced   map[conf.Pos]bool // lines of entries that lost all their sockets
	sec        wrap.Rules        // of inetd.sec
	silent     map[string]silentHost

	usable     int    // number of usable entries in all files
	converting bool   // for --convert: services that are off are read as well
	checking   bool   // for --check: judge as for a daemon started by root, whoever asks
	notes      []note // the result for each entry, if checking
}

// Load reads, parses and resolves the configuration. Hosts whose name servers do not
// answer within 250 ms are noted in Plan.Late, to be tried again.
func Load(cfg *Config, host *Host) *Plan {
	return run(cfg, host, false).result()
}

// run carries out a load. If name servers have not answered all questions by its end, it
// loads a second time, with the answers that came promptly; a check waits for all.
func run(cfg *Config, host *Host, checking bool) *loader {
	l := newLoader(cfg, host, checking)
	l.load()
	late, listing := l.plan.Late, l.plan.Err
	if late == nil || !late.Asking {
		return l
	}
	if checking {
		host.Hosts.AwaitAll()
	} else {
		host.Hosts.AwaitPrompt()
	}
	again := *host
	again.Late = late
	l = newLoader(cfg, &again, checking)
	l.load()
	l.plan.Err = cmp.Or(l.plan.Err, listing) // the files are listed by the first load only
	return l
}

func newLoader(cfg *Config, host *Host, checking bool) *loader {
	l := &loader{
		cfg: cfg, host: host, checking: checking,
		actions:   map[Action]*Action{},
		kept:      newKept(),
		fitted:    map[fitted]*conf.Keys{},
		claims:    make(map[sock.Spec]claim, host.Sockets),
		checked:   map[checked]examine.Finding{},
		exposures: map[exposure]string{},
		told:      map[string]bool{},
		replaced:  map[conf.Pos]bool{},
		silent:    map[string]silentHost{},
		sources:   sources{files: map[fileID]*conf.File{}, named: map[string]*conf.File{}, included: map[string][]*conf.File{}},
	}
	l.taken = l.take
	l.plan.Identities, l.plan.Keys = map[Server]*Identity{}, map[string]*conf.Keys{}
	return l
}

func (l *loader) load() {
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
		return
	}
	l.security()
	l.configuration(files)
	l.muxListener()
	l.withoutServices()
	l.plan.Accounts.Forget()
	l.dropReplaced()
	if l.checking && l.plan.Err == nil && len(files) > 0 && len(l.notes) == 0 && !slices.ContainsFunc(l.parser.Problems, isError) {
		l.about(files[0], conf.Warning, "nothing to serve", "")
	}
	sortProblems(l.plan.Problems)
	l.plan.Late = l.late()
}

// read finds the configuration files and reads the services file.
func (l *loader) read() {
	l.sources.paths = l.files()
	if l.plan.Err == nil {
		l.databases(l.sources.paths)
	}
	l.sources.problems = slices.Clone(l.plan.Problems)
}

// result returns a copy of the plan: a pointer into the loader would keep its tables.
func (l *loader) result() *Plan {
	p := l.plan
	return &p
}

// sortProblems puts problems in the order of their places.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Pos.Compare(b.Pos) })
}

// maxShown is how many problems with the same text are shown one by one.
const maxShown = 3

// Condense shortens a list of problems for people: of those with the same text on many
// lines it keeps the first few and a count of the rest.
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
			if before := short[len(short)-1]; k != (kind{before.Severity, before.Text}) { // "the same" would mean another problem
				again = p.Text + "; the same"
			}
			p.Text = fmt.Sprintf("%s on %d more lines, up to %s", again, len(same)-maxShown, claim{nil, last.File, last.Line}.seenFrom(p.Pos.File))
			p.Hint = ""
			short = append(short, p)
		}
	}
	return short
}

// add notes problems that are not those of one entry.
func (l *loader) add(problems ...conf.Problem) {
	for _, p := range problems {
		l.plan.Problems = append(l.plan.Problems, Problem{Problem: p})
	}
}

// about notes a problem of a file as a whole.
func (l *loader) about(path string, s conf.Severity, text, hint string) {
	l.add(conf.Problem{Pos: conf.Pos{File: path, Line: 1}, Severity: s, Text: text, Hint: hint})
}

// report notes a problem of an entry at one of its columns, or at its line.
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

// take adds the service of an entry to the plan.
func (l *loader) take(e *conf.Entry) {
	l.wholeUser(e)
	keys := e.Keys
	l.fit(e)
	v := l.entry(e)
	if l.checking {
		l.note(e, v)
	}
	e.Keys = keys // fit may have removed some, which the entry's next transport needs
}

// etc returns the path of one of the system's own files in which names are looked up.
func (h *Host) etc(name string) string { return filepath.Join(cmp.Or(h.Etc, "/etc"), name) }

// databases reads the services file. Entries with port numbers do not need it, so a
// file that cannot be read becomes an error only when a name is looked up.
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

// unread reports whether the services file could not be read, though it should be
// there. Only the system's own may be missing.
func (l *loader) unread() bool {
	return l.from.err != nil && (l.cfg.Services != "" || !errors.Is(l.from.err, fs.ErrNotExist))
}

// withoutServices reports an unread services file, as an error if an entry needs it.
func (l *loader) withoutServices() {
	switch {
	case !l.unread():
	case l.from.wanted:
		l.plan.Err = cmp.Or(l.plan.Err, l.from.err)
	default:
		l.about(l.from.path, conf.Warning, "services file not read: "+strerror.Cause(l.from.err)+"; no entry needs it", "")
	}
}

// servicesFile chooses the services file: the one of --services, one in the directory
// of the first configuration file, or the system's.
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
	return l.host.etc("services")
}
