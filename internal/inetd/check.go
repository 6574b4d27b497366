package inetd

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"inetd/internal/account"
	"inetd/internal/conf"
)

// Check loads the configuration, opens nothing, and writes what a daemon
// started by root would open and every problem: as text, or with asJSON as one
// object. It returns the number of errors.
func Check(c Config, w io.Writer, asJSON bool) (errors int) {
	r := inspect(c)
	if asJSON {
		r.writeJSON(w)
	} else {
		r.writeText(w)
	}
	return r.count(conf.Error)
}

// inspect loads the configuration in a Server that never serves: getent needs
// its event loop.
func inspect(c Config) *report {
	s, err := New(c)
	if err != nil {
		return newReport(&Config{}, &plan{err: err}, nil)
	}
	defer s.close()
	l := newLoader(&s.cfg, s.starter, s.getent())
	var r *report
	go func() {
		found := l.inspect(os.Geteuid())
		s.mail.post(func() { r = found })
	}()
	for r == nil {
		s.turn()
	}
	return r
}

// inspect is a load for a report to the user uid.
func (l *loader) inspect(uid int) *report {
	l.checking = true
	p := l.load()
	p.problems = append(p.problems, l.lint(uid)...)
	sortProblems(p.problems)
	return newReport(l.cfg, p, l.notes)
}

// note is what became of an entry. Services keep little of it, because they are
// many and stay.
type note struct {
	entry *conf.Entry
	svc   *service             // nil: not served
	who   *account.Credentials // nil: unknown, or whoever the daemon is
}

func (l *loader) note(e *conf.Entry, v *service) {
	n := note{entry: e, svc: v}
	if c, err := l.plan.accounts.Lookup(e.User, e.Group); e.User != "" && err == nil {
		n.who = &c
	}
	l.notes = append(l.notes, n)
}

// served reports whether anything is opened for the entry: it may be in order
// and yet lose all its sockets to later ones.
func (n note) served() bool { return n.svc != nil && len(n.svc.sockets) > 0 }

// report is what --check found, in the form of its JSON.
type report struct {
	Files    []string        `json:"files"` // that were read
	Entries  []reportEntry   `json:"entries"`
	Problems []reportProblem `json:"problems"`
}

// reportEntry is an entry. One without sockets is not served.
type reportEntry struct {
	File       string          `json:"file"`
	Line       int             `json:"line"`
	Service    string          `json:"service"`
	Host       string          `json:"host"` // as in the service column, "*" for every address
	SocketType string          `json:"socket_type"`
	Protocol   string          `json:"protocol"`
	Wait       bool            `json:"wait"`
	Limits     reportLimits    `json:"limits"`
	User       string          `json:"user"`     // "-": the daemon's own
	Group      string          `json:"group"`    // "": the user's own
	Identity   *reportIdentity `json:"identity"` // null: unknown, or the daemon's own
	Server     string          `json:"server"`   // its path, or "internal"
	Builtin    string          `json:"builtin,omitempty"`
	Argv       []string        `json:"argv"`
	Sockets    []reportSocket  `json:"sockets"`

	label string
}

// reportLimits are the limits in force, the daemon's defaults included; 0 is
// none.
type reportLimits struct {
	Starts    int `json:"starts"`     // per minute
	Max       int `json:"max"`        // servers at once
	PerMinute int `json:"per_minute"` // starts per minute and source
	PerSource int `json:"per_source"` // servers at once per source
}

// reportIdentity is who a server is.
type reportIdentity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
}

type reportSocket struct {
	Network string `json:"network"` // as in the protocol column: "tcp4", "udp6", "tcp46", ...
	Address string `json:"address"` // "0.0.0.0:21", "[::]:21"
}

// reportProblem is a problem. File is "" and Line 0 where there is none.
type reportProblem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Col      int    `json:"col"` // from 1, in bytes; 0: the whole line
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Hint     string `json:"hint"`
}

func newReport(c *Config, p *plan, notes []note) *report {
	r := &report{Files: p.files, Entries: []reportEntry{}, Problems: []reportProblem{}}
	if r.Files == nil {
		r.Files = []string{}
	}
	for _, n := range notes {
		r.Entries = append(r.Entries, n.entryOf(c))
	}
	problems := p.problems
	if p.err != nil {
		problems = append(problems, problem{Problem: refusal(p.err)})
	}
	for _, pr := range problems {
		q := pr.public()
		r.Problems = append(r.Problems, reportProblem{q.Pos.File, q.Pos.Line, q.Pos.Col, q.Severity.String(), q.Text, q.Hint})
	}
	return r
}

// refusal is the problem that keeps the configuration from being used at all.
func refusal(err error) conf.Problem {
	var p *fs.PathError
	if errors.As(err, &p) {
		return conf.Problem{Pos: conf.Pos{File: p.Path}, Severity: conf.Error, Text: cause(err)}
	}
	return conf.Problem{Severity: conf.Error, Text: err.Error()}
}

// entryOf is the entry of a note in the form of the report.
func (n note) entryOf(c *Config) reportEntry {
	e := n.entry
	lim := c.limits(e.Limits)
	r := reportEntry{
		File: e.Pos.File, Line: e.Pos.Line, label: e.Label(),
		Service: serviceColumn(e), Host: hostColumn(c, e), SocketType: e.Type.String(), Protocol: e.Word,
		Wait: e.Wait, Limits: reportLimits{lim.starts, lim.max, lim.perMinute, lim.perSource},
		User: e.User, Group: e.Group, Server: e.Server, Argv: e.Argv, Sockets: []reportSocket{},
	}
	if r.User == "" {
		r.User = "-"
	}
	if n.who != nil {
		r.Identity = &reportIdentity{n.who.UID, n.who.GID, n.who.Groups}
	}
	if e.Internal {
		r.Server = "internal"
	}
	if r.Argv == nil {
		r.Argv = []string{}
	}
	if n.svc == nil {
		return r
	}
	if n.svc.do.program != nil {
		r.Server = n.svc.do.program.Path()
	}
	r.Builtin = n.svc.do.builtin
	for _, k := range n.svc.sockets {
		r.Sockets = append(r.Sockets, reportSocket{network(e, k.spec), k.spec.String()})
	}
	return r
}

func serviceColumn(e *conf.Entry) string {
	if e.Kind == conf.Mux {
		return e.Label()
	}
	return e.Service
}

func hostColumn(c *Config, e *conf.Entry) string {
	switch {
	case len(e.Hosts) > 0:
		return strings.Join(e.Hosts, ",")
	case c.Bind != "":
		return c.Bind
	}
	return "*"
}

func (r *report) count(s conf.Severity) (n int) {
	for _, p := range r.Problems {
		if p.Severity == s.String() {
			n++
		}
	}
	return n
}

func (r *report) writeJSON(w io.Writer) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	e.Encode(r) // an error is that of w, which has no reader any more
}
