// Package report holds what --check says of a configuration, and writes it as text for
// people or as JSON for programs. In go the entries and problems that package plan has
// found; out come the lines of inetd --check. It opens nothing.
package report

import (
	"encoding/json"
	"io"
	"slices"

	"inetd/internal/conf"
	"inetd/internal/limit"
)

// Report is the result of --check, in the form of its JSON.
type Report struct {
	Files    []string  `json:"files"` // the files that were read, included ones among them
	Entries  []Entry   `json:"entries"`
	Problems []Problem `json:"problems"`

	Short   []Problem `json:"-"` // the problems for people: of very many equal ones only a few
	Secured bool      `json:"-"` // an inetd.sec is in force
}

// Faulty reports whether a line of a file has a problem.
func (r *Report) Faulty(file string, line int) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.File == file && p.Line == line })
}

// WithoutEntries returns a copy of the report without entries.
func (r *Report) WithoutEntries() *Report {
	some := *r
	some.Entries = []Entry{}
	return &some
}

// Only returns a report with only the entries whose labels are wanted, and the problems
// of their lines and of the lines for which about is true.
func (r *Report) Only(wanted func(label string) bool, about func(file string, line int) bool) *Report {
	some := &Report{Files: r.Files, Entries: []Entry{}, Problems: []Problem{}, Secured: r.Secured}
	for _, e := range r.Entries {
		if wanted(e.Label) {
			some.Entries = append(some.Entries, e)
		}
	}
	for _, p := range r.Problems {
		if about(p.File, p.Line) || slices.ContainsFunc(some.Entries, func(e Entry) bool { return p.File == e.File && p.Line == e.Line }) {
			some.Problems = append(some.Problems, p)
		}
	}
	some.Short = some.Problems
	return some
}

// Entry is an entry, with what a daemon would make of it.
type Entry struct {
	File       string       `json:"file"`
	Line       int          `json:"line"`
	Service    string       `json:"service"`
	Host       string       `json:"host"` // as in the service column, "*" for every address
	SocketType string       `json:"socket_type"`
	Protocol   string       `json:"protocol"`
	Wait       bool         `json:"wait"`
	Listen     bool         `json:"listen,omitempty"` // the server gets the socket as systemd passes it
	Limits     limit.Limits `json:"limits"`
	User       string       `json:"user"`     // "-": the daemon's own
	Group      string       `json:"group"`    // "": the user's own
	Identity   *Identity    `json:"identity"` // null: unknown, or the daemon's own
	Server     string       `json:"server"`   // the path, or "internal"
	Builtin    string       `json:"builtin,omitempty"`
	Argv       []string     `json:"argv"`
	Served     bool         `json:"served"`
	Sockets    []Socket     `json:"sockets"` // none if not served, or if tcpmux hands the service out
	Program    *Program     `json:"program,omitempty"`
	Keys       []Key        `json:"keys,omitempty"` // the keys in force, beside the columns

	Label   string     `json:"-"` // of the service in log lines
	Clients *conf.Keys `json:"-"` // the entry's keys, some of which say who may use the service
}

// Identity is the user and groups of a server.
type Identity struct {
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"`
}

// Program is an ONC RPC program and the range of versions that are registered.
type Program struct {
	Number uint32 `json:"number"`
	Low    uint32 `json:"low"`
	High   uint32 `json:"high"`
}

// Key is a key of the second syntax and the place that set it.
type Key struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Col    int      `json:"col"`

	Text string `json:"-"` // the key and its values as a file would have them
}

// Socket is a socket at which clients would reach the service.
type Socket struct {
	Network string `json:"network"`         // as in the protocol column: "tcp4", "udp6", "tcp46", "unix", ...
	Address string `json:"address"`         // "0.0.0.0:21" (port 0: any), "[::]:21", "/run/socket", or the port of vsock
	Mode    string `json:"mode,omitempty"`  // of a path, octal
	Owner   string `json:"owner,omitempty"` // of a path, as uid:gid; "": the daemon's own
}

// Problem is a problem. Without a place, File is "" and Line 0.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Col      int    `json:"col"` // from 1, in bytes; 0: the whole line
	Severity string `json:"severity"`
	Text     string `json:"text"`
	Hint     string `json:"hint"`
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
