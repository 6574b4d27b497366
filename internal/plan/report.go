package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Report is the result of --check, in the form of its JSON.
type Report struct {
	Files    []string        `json:"files"` // the files that were read, included ones among them
	Entries  []reportEntry   `json:"entries"`
	Problems []reportProblem `json:"problems"`

	short []reportProblem // the problems as people are shown them, see Condense

	Secured bool `json:"-"` // an inetd.sec is in force
}

// Faulty reports whether a line of a file has a problem.
func (r *Report) Faulty(file string, line int) bool {
	return slices.ContainsFunc(r.Problems, func(p reportProblem) bool { return p.File == file && p.Line == line })
}

// WithoutEntries returns a copy of the report without entries.
func (r *Report) WithoutEntries() *Report {
	some := *r
	some.Entries = []reportEntry{}
	return &some
}

// Only returns a report with only the entries whose labels are wanted, and the problems
// of their lines and of the lines for which about is true.
func (r *Report) Only(wanted func(label string) bool, about func(file string, line int) bool) *Report {
	some := &Report{Files: r.Files, Entries: []reportEntry{}, Problems: []reportProblem{}, Secured: r.Secured}
	for _, e := range r.Entries {
		if wanted(e.label) {
			some.Entries = append(some.Entries, e)
		}
	}
	for _, p := range r.Problems {
		if about(p.File, p.Line) || slices.ContainsFunc(some.Entries, func(e reportEntry) bool { return p.File == e.File && p.Line == e.Line }) {
			some.Problems = append(some.Problems, p)
		}
	}
	some.short = some.Problems
	return some
}

// reportEntry is an entry, with what a daemon would make of it.
type reportEntry struct {
	File       string          `json:"file"`
	Line       int             `json:"line"`
	Service    string          `json:"service"`
	Host       string          `json:"host"` // as in the service column, "*" for every address
	SocketType string          `json:"socket_type"`
	Protocol   string          `json:"protocol"`
	Wait       bool            `json:"wait"`
	Listen     bool            `json:"listen,omitempty"` // the server gets the socket as systemd passes it
	Limits     limit.Limits    `json:"limits"`
	User       string          `json:"user"`     // "-": the daemon's own
	Group      string          `json:"group"`    // "": the user's own
	Identity   *reportIdentity `json:"identity"` // null: unknown, or the daemon's own
	Server     string          `json:"server"`   // the path, or "internal"
	Builtin    string          `json:"builtin,omitempty"`
	Argv       []string        `json:"argv"`
	Served     bool            `json:"served"`
	Sockets    []reportSocket  `json:"sockets"` // none if not served, or if tcpmux hands the service out
	Program    *reportProgram  `json:"program,omitempty"`
	Keys       []reportKey     `json:"keys,omitempty"` // the keys in force, beside the columns

	// Clients are the entry's keys, some of which say who may use the service.
	Clients *conf.Keys `json:"-"`

	label string
}

// reportIdentity is the user and groups of a server.
type reportIdentity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
}

// reportProgram is an ONC RPC program and the range of versions that are registered.
type reportProgram struct {
	Number uint32 `json:"number"`
	Low    uint32 `json:"low"`
	High   uint32 `json:"high"`
}

// reportKey is a key of the second syntax and the place that set it.
type reportKey struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Col    int      `json:"col"`

	text string // the key as a file would have it
}

func keysOf(e *conf.Entry) (list []reportKey) {
	if e.Keys == nil {
		return nil
	}
	for _, o := range e.Keys.Options {
		k := reportKey{Key: o.Key.Text, File: o.Key.Pos.File, Line: o.Key.Pos.Line, Col: o.Key.Pos.Col, text: o.String()}
		for _, v := range o.Values {
			k.Values = append(k.Values, v.Text)
		}
		list = append(list, k)
	}
	return list
}

type reportSocket struct {
	Network string `json:"network"`         // as in the protocol column: "tcp4", "udp6", "tcp46", "unix", ...
	Address string `json:"address"`         // "0.0.0.0:21" (port 0: any), "[::]:21", "/run/socket", or the port of vsock
	Mode    string `json:"mode,omitempty"`  // of a path, octal
	Owner   string `json:"owner,omitempty"` // of a path, as uid:gid; "": the daemon's own
}

// reportProblem is a problem. Without a place, File is "" and Line 0.
type reportProblem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Col      int    `json:"col"` // from 1, in bytes; 0: the whole line
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Hint     string `json:"hint"`
}

// reportOf makes the report of a plan.
func (l *loader) reportOf(p *Plan) *Report {
	r := &Report{Secured: p.Secured != nil, Files: l.sources.read, Entries: []reportEntry{}, Problems: []reportProblem{}}
	if r.Files == nil {
		r.Files = []string{}
	}
	for _, n := range l.notes {
		r.Entries = append(r.Entries, n.entryOf(l.cfg))
	}
	problems := p.Problems
	if p.Err != nil {
		problems = append(problems, Problem{Problem: refusal(p.Err)})
	}
	for _, pr := range problems {
		r.Problems = append(r.Problems, reported(pr))
	}
	for _, pr := range Condense(problems) {
		r.short = append(r.short, reported(pr))
	}
	return r
}

func reported(p Problem) reportProblem {
	q := p.Public()
	return reportProblem{q.Pos.File, q.Pos.Line, q.Pos.Col, q.Severity.String(), q.Text, q.Hint}
}

// refusal turns the error that keeps a configuration from being used into a problem.
func refusal(err error) conf.Problem {
	if f, ok := errors.AsType[*fileError](err); ok {
		return f.Problem
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return conf.Problem{Pos: conf.Pos{File: p.Path}, Severity: conf.Error, Text: strerror.Cause(err)}
	}
	return conf.Problem{Severity: conf.Error, Text: err.Error()}
}

// entryOf returns the entry of a note in the form of the report.
func (n note) entryOf(c *Config) reportEntry {
	e := n.entry
	r := reportEntry{
		File: e.Pos.File, Line: e.Pos.Line, label: e.Label(),
		Service: serviceColumn(e), Host: hostColumn(c, e), SocketType: e.Type.String(), Protocol: e.Word,
		Wait: e.Wait, Listen: e.Listen, Limits: c.limits(e),
		User: e.User, Group: e.Group, Server: e.Server, Argv: e.Argv,
		Served: n.served(), Sockets: []reportSocket{}, Keys: keysOf(e), Clients: e.Keys,
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
	if n.svc.Do.Builtin == "" {
		r.Server = n.svc.Do.Path
	}
	r.Builtin = n.svc.Do.Builtin
	if p := n.svc.Do.RPC; p.Number != 0 {
		r.Program = &reportProgram{p.Number, p.Low, p.High}
	}
	for _, k := range n.svc.Sockets {
		r.Sockets = append(r.Sockets, n.socketOf(k.Spec))
	}
	return r
}

func (n note) socketOf(spec sock.Spec) reportSocket {
	r := reportSocket{Network: network(n.entry, spec), Address: strings.TrimPrefix(spec.String(), "vsock:")}
	if n.entry.Kind == conf.RPC {
		r.Network, r.Address = "rpc/"+r.Network, spec.Addr.String()
	}
	if o := n.svc.Do.Options; spec.Family == unix.AF_UNIX && !strings.HasPrefix(spec.Path(), "@") {
		r.Mode, r.Owner = fmt.Sprintf("%04o", o.Mode), owner(o.UID, o.GID)
	}
	return r
}

// owner returns the owner of a UNIX-domain socket as the configuration would give it, ""
// for the daemon's own.
func owner(uid, gid int) string {
	id := func(n int) string {
		if n < 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return strings.TrimSuffix(id(uid)+":"+id(gid), ":")
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

// Errors returns the number of problems that keep something from being served.
func (r *Report) Errors() int { return r.count(conf.Error) }

func (r *Report) count(s conf.Severity) (n int) {
	for _, p := range r.Problems {
		if p.Severity == s.String() {
			n++
		}
	}
	return n
}

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	e.Encode(r) // can only fail to write, when nobody reads w any more
}
