package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The columns, as indices into Entry.Cols, which tell where a message about
// one of them belongs. ColArgs is the first argument.
const (
	ColService = iota
	ColType
	ColProtocol
	ColWait
	ColUser
	ColServer
	ColArgs
)

// draft is an entry in the making. Its methods read one column each and
// report what is wrong with it; the columns after a bad one are read as well,
// so that one look at the messages is enough to repair a line.
type draft struct {
	*reader
	e      Entry
	failed bool
	style  style
	key    string // of the value in hand, for messages
	split  bool   // user and group stand in two columns, which has been reported
}

// draft begins an entry. It overwrites the one before.
func (r *reader) draft(at Pos) *draft {
	r.open = r.open[:0]
	if r.last == nil {
		r.last = &draft{}
	}
	*r.last = draft{reader: r, e: Entry{
		Pos:    at,
		Limits: Limits{Starts: Unset, Max: Unset, PerMinute: Unset, PerSource: Unset},
	}}
	return r.last
}

// errorf reports why there will be no entry. What stands nowhere in the file, such
// as the default of a key, is reported at the entry's own place.
func (d *draft) errorf(at Pos, hint, format string, args ...any) {
	d.failed = true
	if at.Line == 0 {
		at = d.e.Pos
	}
	d.report(Error, at, fmt.Sprintf(format, args...), hint)
}

func (d *draft) hint(at Pos, text, hint string) {
	if at.Line == 0 {
		at = d.e.Pos
	}
	d.report(Hint, at, text, hint)
}

// columns reads a classic entry: one service in columns.
func (r *reader) columns(f []Word) {
	d := r.draft(f[0].Pos)
	if d.out.remarks != nil {
		d.out.remarks.lines = true
	}
	d.oddities(f)
	var host Word
	if strings.HasSuffix(f[0].Text, ":") { // OpenBSD lets blanks follow "addr:"
		host, f = f[0], f[1:]
	}
	if f = d.userColumn(f); f == nil {
		return
	}
	if f[ColService].Text == "rpc" {
		d.e.Kind = RPC
	}
	d.sockType(f[ColType])
	d.protocol(f[ColProtocol])
	if len(d.open) == 0 && d.style == unknown {
		return // not an entry at all; more messages would not help
	}
	args := d.rpcColumns(f)
	d.service(f[ColService], host)
	d.wait(f[ColWait])
	d.user(f[ColUser])
	d.server(f[ColServer], args)
	d.finish()
}

// oddities hints at characters that another inetd, or the author of the line, may
// understand differently, once for each kind.
func (d *draft) oddities(f []Word) {
	if !strings.ContainsAny(d.logical.text, "\"'#\\|&;<>") {
		return
	}
	args := f[min(len(f), ColServer):]
	d.oddity(f, func(w Word) bool { return w.Quoted },
		"quotes around %q removed", "Debian and OpenBSD would pass them on")
	d.oddity(args, func(w Word) bool { return !w.Quoted && strings.ContainsAny(w.Text, `"'`) },
		"quote inside %q passed on", "only a word that starts with a quote is quoted")
	d.oddity(args, func(w Word) bool { return !w.Quoted && w.Text == "#" },
		"%q and what follows are passed on as arguments", "a comment needs a line of its own")
	d.oddity(f[min(len(f), ColArgs):], forShell,
		"%q passed on as an argument", "no shell reads the line: write /bin/sh and sh -c 'COMMAND'")
	d.oddity(args, func(w Word) bool { return !w.Quoted && w.Text == `\` },
		"%q passed on as an argument", "a backslash continues a line only at its very end")
}

func (d *draft) oddity(f []Word, odd func(Word) bool, format, hint string) {
	if i := slices.IndexFunc(f, odd); i >= 0 {
		d.hint(f[i].Pos, fmt.Sprintf(format, f[i].Text), hint)
	}
}

// rpcColumns takes the program and its versions out of the arguments, where
// HP-UX has them first and AIX after argv[0], and returns the others.
func (d *draft) rpcColumns(f []Word) []Word {
	args := f[ColArgs:]
	switch {
	case f[ColService].Text == "rpc":
		d.e.Service = "rpc" // until the program is known
		if len(args) < 2 || !isNumber(args[0].Text) {
			d.errorf(f[ColServer].Pos, "", `a service named "rpc" needs the program's number and versions after the server`)
			return args
		}
		d.program(args[0], 0, args[0].Text)
		d.versions(args[1], 0, args[1].Text)
		return args[2:]
	case d.style == sunrpc && len(args) >= 3 && isNumber(args[1].Text):
		d.program(args[1], 0, args[1].Text)
		d.versions(args[2], 0, args[2].Text)
		return append(args[:1:1], args[3:]...)
	}
	return args
}

// finish checks the columns against each other, and adds the entry once for each
// transport.
func (d *draft) finish() {
	if d.failed {
		return
	}
	d.contradictions()
	d.meaningless()
	amended := len(d.out.with.list) > 0
	for _, t := range d.open {
		d.e.Type, d.e.Proto, d.e.Family, d.e.Word = t.typ, t.proto, t.family, t.word
		if !amended {
			d.add()
			continue
		}
		before := d.e
		d.amend()
		d.add()
		d.e = before
	}
}

// add yields the entry unless something is wrong with it.
func (d *draft) add() {
	if d.failed || d.stopped {
		return
	}
	if d.out.remarks != nil {
		d.e.Comments = d.out.remarks.next(d.out.Problems)
		d.e.IPsec = cmp.Or(d.e.IPsec, d.policy.text)
	}
	d.unprotected()
	d.stopped = !d.yield(&d.e)
}

// contradictions reports columns that are fine alone but not together.
func (d *draft) contradictions() {
	if d.e.Kind == Mux && d.e.Wait {
		d.errorf(d.e.Cols[ColWait], "write nowait", "tcpmux hands out connections, so its services cannot wait")
	}
	if d.e.Internal && d.e.Listen {
		d.errorf(d.e.Cols[ColWait], "write wait or nowait", "an internal service has no server that could listen")
	}
	for _, t := range d.open {
		if len(d.e.Hosts) > 0 && !slices.ContainsFunc(d.e.Hosts, t.reaches) {
			d.errorf(d.e.Pos, "write "+t.proto, "address %s does not fit protocol %s", strings.Join(d.e.Hosts, ","), t.word)
		}
	}
}

// reaches tells whether host may have an address of the transport's family.
func (t transport) reaches(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err != nil || t.family == Both || t.family == Dual || addr.Is4() == (t.family == V4)
}

// meaningless hints at what is accepted but has no effect.
func (d *draft) meaningless() {
	t := d.open[0]
	switch {
	case d.e.Internal && d.e.Wait && !d.e.Listen && t.typ == Stream:
		d.hint(d.e.Cols[ColWait], "wait means nothing for an internal stream service", "write nowait")
	case d.e.Wait && d.e.Limits.Max > 1:
		d.hint(d.e.Cols[ColWait], "a wait service has one server at a time", "the maximum is ignored")
	}
	if d.e.Defer && !defers(t.proto) {
		d.hint(d.e.Cols[ColType], "an accept filter means nothing for "+t.proto, "it is ignored")
		d.e.Defer = false
	}
}

// defers tells whether sockets of a protocol can keep a connection back until it has data.
func defers(proto string) bool { return proto == "tcp" || proto == "mptcp" }
