package plan

import (
	"fmt"
	"strconv"

	"inetd/internal/conf"
	"inetd/internal/netdb"
)

// program finds the RPC program of an entry. A name is looked up in the rpc file, the
// system's rpc database and the built-in table, in this order.
func (l *loader) program(e *conf.Entry) (*officialPort, bool) {
	if n, err := strconv.ParseUint(e.Service, 10, 32); err == nil {
		if n == 0 {
			l.report(e, e.Pos, conf.Error, "RPC program 0 cannot be registered", "expected a name or a number from 1")
		}
		return &officialPort{program: uint32(n)}, n > 0
	}
	if l.programs == nil {
		text, _ := readText(l.host.etc("rpc")) // if that fails, the database and the table remain
		l.programs = netdb.ParsePrograms(text)
	}
	p, ok := l.programs.ByName(e.Service)
	if !ok {
		p, ok = l.getentProgram(e.Service)
	}
	if !ok {
		p, ok = l.classicProgram(e)
	}
	return &officialPort{program: p.Number}, ok
}

func (l *loader) getentProgram(name string) (netdb.Program, bool) {
	if l.host.Getent == nil || !plainName(name) {
		return netdb.Program{}, false
	}
	line, found, err := l.host.Getent("rpc", name)
	if err != nil || !found {
		return netdb.Program{}, false
	}
	return netdb.ParsePrograms(line).ByName(name)
}

// classicProgram looks a name up in the built-in table of classic programs, or reports
// that it is unknown.
func (l *loader) classicProgram(e *conf.Entry) (netdb.Program, bool) {
	classic := netdb.ClassicPrograms()
	p, ok := classic.ByName(e.Service)
	if ok {
		l.report(e, e.Pos, conf.Hint, fmt.Sprintf("no rpc file names it; program %d is its classic number", p.Number), "")
		return p, true
	}
	hint := l.programs.Suggest(e.Service)
	if hint == "" {
		hint = classic.Suggest(e.Service)
	}
	if hint == "" {
		hint = "a program number works too"
	}
	l.reportPassing(l.notInGetent(e.Service), e, e.Pos, conf.Error, "unknown rpc service", hint)
	return netdb.Program{}, false
}

// oneAddress warns of an entry with several addresses of one family: rpcbind keeps only
// one of them.
func (l *loader) oneAddress(e *conf.Entry, wants []Socket) {
	seen := map[uint8]bool{}
	for _, w := range wants {
		if seen[w.Spec.Family] {
			l.reportOnce(e, "addresses", "rpcbind tells clients only the first of several addresses", "")
		}
		seen[w.Spec.Family] = true
	}
}
