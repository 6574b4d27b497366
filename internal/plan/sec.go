package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"inetd/internal/access"
	"inetd/internal/conf"
	"inetd/internal/wrap"
)

// security puts HP-UX's inetd.sec into force if the file exists: only administrators who
// rely on it have one.
func (l *loader) security() {
	_, _, path := l.cfg.RuleFiles()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.plan.Secured = map[string]string{}
	l.about(path, conf.Hint, "in force: it limits who may use which service", "")
	l.sec, _ = wrap.Sec(path).Read()
}

// secure reports whether an entry can be served as inetd.sec demands. The client of a
// wait or datagram server is not known before the server runs, so such a service is
// refused if the file limits it.
func (l *loader) secure(e *conf.Entry, do *Action, port *officialPort) bool {
	if l.sec == nil {
		return true
	}
	name := e.Service
	if port != nil && len(port.names) > 0 {
		name = port.names[0]
	}
	l.plan.Secured[e.Label()] = name
	if do.Mode == Accept {
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

// lintRules finds what is wrong in those rule files that are in force.
func (l *loader) lintRules() {
	var found []access.Problem
	allow, deny, sec := l.cfg.RuleFiles()
	if l.cfg.Wrap || l.cfg.WrapInternal || l.plan.Wraps {
		_, found = wrap.Hosts(allow, deny).Read()
	}
	if l.sec != nil {
		_, more := wrap.Sec(sec).Read()
		found = append(found, more...)
	}
	for _, p := range found {
		l.add(conf.Problem{Pos: conf.Pos{File: p.File, Line: max(p.Line, 1), Col: p.Col}, Severity: conf.Warning, Text: p.Text, Hint: p.Hint})
	}
}
