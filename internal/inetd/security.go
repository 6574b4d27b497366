package inetd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"inetd/internal/access"
	"inetd/internal/conf"
	"inetd/internal/wrap"
)

// security puts an inetd.sec into force if there is one: whoever has it relies
// on it, and all others have none.
func (l *loader) security() {
	path := l.cfg.SecFile
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.plan.secured = map[string]string{}
	l.plan.problems = append(l.plan.problems, problem{Problem: conf.Problem{
		Pos: conf.Pos{File: path, Line: 1}, Severity: conf.Hint, Text: "in force: it limits who may use which service"}})
	l.sec, _ = wrap.Sec(l.cfg.SecFile).Read()
}

// secure reports whether an entry can be served as an inetd.sec wants it. Who
// talks to a wait or datagram server is not known before that runs, so one that
// the file limits is not opened.
func (l *loader) secure(e *conf.Entry, do *action, port *portName) bool {
	if l.sec == nil {
		return true
	}
	name := e.Service
	if port != nil && len(port.names) > 0 {
		name = port.names[0]
	}
	l.plan.secured[e.Label()] = name
	if do.listens && (!do.wait || do.builtin != "") {
		return true
	}
	v := l.sec(access.Query{Service: name})
	if v.File == "" {
		return true
	}
	l.report(e, e.Pos, conf.Error, fmt.Sprintf("%s limits who may use it, which is impossible for a wait or datagram service, service ignored", v.Place()),
		"without that line it is open to all")
	return false
}

// ruleProblems are those of the rule files that are in force.
func (l *loader) ruleProblems() (problems []problem) {
	var found []access.Problem
	if l.cfg.Wrap || l.cfg.WrapInternal {
		_, found = wrap.Hosts(l.cfg.AllowFile, l.cfg.DenyFile).Read()
	}
	if l.sec != nil {
		_, more := wrap.Sec(l.cfg.SecFile).Read()
		found = append(found, more...)
	}
	for _, p := range found {
		problems = append(problems, problem{Problem: conf.Problem{
			Pos: conf.Pos{File: p.File, Line: max(p.Line, 1), Col: p.Col}, Severity: conf.Warning, Text: p.Text, Hint: p.Hint}})
	}
	return problems
}
