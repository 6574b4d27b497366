package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/report"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// reportOf makes the report of a plan.
func (l *loader) reportOf(p *Plan) *report.Report {
	r := &report.Report{Secured: p.Secured != nil, Files: l.sources.read, Entries: []report.Entry{}, Problems: []report.Problem{}}
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
		r.Short = append(r.Short, reported(pr))
	}
	return r
}

func reported(p Problem) report.Problem {
	q := p.Public()
	return report.Problem{File: q.Pos.File, Line: q.Pos.Line, Col: q.Pos.Col, Severity: q.Severity.String(), Text: q.Text, Hint: q.Hint}
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
func (n note) entryOf(c *Config) report.Entry {
	e := n.entry
	r := report.Entry{
		File: e.Pos.File, Line: e.Pos.Line, Label: e.Label(),
		Service: serviceColumn(e), Host: hostColumn(c, e), SocketType: e.Type.String(), Protocol: e.Word,
		Wait: e.Wait, Listen: e.Listen, Limits: c.limits(e),
		User: e.User, Group: e.Group, Server: e.Server, Argv: e.Argv,
		Served: n.served(), Sockets: []report.Socket{}, Keys: keysOf(e), Clients: e.Keys,
	}
	if r.User == "" {
		r.User = "-"
	}
	if n.who != nil {
		r.Identity = &report.Identity{UID: n.who.UID, GID: n.who.GID, Groups: n.who.Groups}
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
	if !n.svc.Do.Internal() {
		r.Server = n.svc.Do.Path
	}
	r.Builtin = n.svc.Do.Builtin
	if p := n.svc.Do.RPC; p.Number != 0 {
		r.Program = &report.Program{Number: p.Number, Low: p.Low, High: p.High}
	}
	for _, k := range n.svc.Sockets {
		r.Sockets = append(r.Sockets, n.socketOf(k.Spec))
	}
	return r
}

func (n note) socketOf(spec sock.Spec) report.Socket {
	r := report.Socket{Network: network(n.entry, spec), Address: strings.TrimPrefix(spec.String(), "vsock:")}
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

func keysOf(e *conf.Entry) (list []report.Key) {
	if e.Keys == nil {
		return nil
	}
	for _, o := range e.Keys.Options {
		k := report.Key{Key: o.Key.Text, File: o.Key.Pos.File, Line: o.Key.Pos.Line, Col: o.Key.Pos.Col, Text: o.String()}
		for _, v := range o.Values {
			k.Values = append(k.Values, v.Text)
		}
		list = append(list, k)
	}
	return list
}

// network returns the protocol column that would ask for exactly this socket.
func network(e *conf.Entry, s sock.Spec) string {
	switch {
	case s.Family != unix.AF_INET && s.Family != unix.AF_INET6, e.Type == conf.Raw, e.Type == conf.RDM:
		return e.Proto
	case s.Dual:
		return e.Proto + "46"
	case s.Family == unix.AF_INET6:
		return e.Proto + "6"
	}
	return e.Proto + "4"
}
