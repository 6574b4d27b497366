package conf

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// columnNames are the names of the columns that every entry must have.
var columnNames = [...]string{"service", "socket type", "protocol", "wait", "user", "server"}

// userColumn returns the fields with exactly one between the wait word and the
// server, or nil after reporting which column is missing, exchanged or too many.
// Ultrix has no user column; NonStop has another one after it, the processors to use.
func (d *draft) userColumn(f []Word) []Word {
	if lacksUser(f) && !exchangedServer(f) && d.ultrix() {
		d.report(Warning, f[ColUser].Pos, "no user column: the server runs as root, as on Ultrix", "write the user before the server")
		f = slices.Insert(slices.Clip(f), ColUser, Word{Text: "root"})
	}
	if d.misplaced(f) {
		return nil
	}
	if s := f[ColServer].Text; strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && len(f) > ColServer+1 {
		d.hint(f[ColServer].Pos, fmt.Sprintf("processor set %q ignored", s), "the kernel balances")
		f = append(f[:ColServer:ColServer], f[ColServer+1:]...)
	}
	if len(f) > ColServer+2 && !isProgram(f[ColServer].Text) && isProgram(f[ColArgs].Text) && path.Base(f[ColArgs].Text) == f[ColArgs+1].Text {
		d.split = true
		d.report(Warning, f[ColServer].Pos, fmt.Sprintf("%q is read as the server", f[ColServer].Text),
			"a group is written "+f[ColUser].Text+":"+f[ColServer].Text)
	}
	return f
}

// ordinary tells whether the columns of an entry are like those of nearly all entries,
// without comparing them with every word that might stand there.
func ordinary(f []Word) bool {
	switch f[ColType].Text {
	case "stream", "dgram":
	default:
		return false
	}
	switch f[ColProtocol].Text {
	case "tcp", "udp", "tcp4", "udp4", "tcp6", "udp6", "unix":
		return isWait(f[ColWait].Text) && !isProgram(f[ColUser].Text) && !isWait(f[ColUser].Text)
	}
	return false
}

// lacksUser tells whether the server stands in the user column: a path or "internal"
// that is not followed by another server, and so is surely no user.
func lacksUser(f []Word) bool {
	return len(f) > ColUser && isProgram(f[ColUser].Text) && isWait(f[ColWait].Text) && (len(f) == ColServer || !isProgram(f[ColServer].Text))
}

// exchangedServer tells whether the word after a server in the user column is
// a user, and not the server's name.
func exchangedServer(f []Word) bool {
	if len(f) <= ColServer {
		return false
	}
	base, name := path.Base(strings.ReplaceAll(f[ColUser].Text, ">", "/")), f[ColServer].Text
	user, _, _ := strings.Cut(name, ":")
	return isName(user) && user[0]|0x20 >= 'a' && user[0]|0x20 <= 'z' && !strings.Contains(base, name) && !strings.Contains(name, base)
}

// ultrix tells whether the file comes from Ultrix, where servers run as root: it has
// several entries, and none of them has a user. In a single entry the user was more
// likely forgotten.
func (r *reader) ultrix() bool {
	if !r.surveyed {
		r.surveyed, r.userless = true, r.survey() > 1
	}
	return r.userless
}

// survey returns the number of entries of the file if all of them lack the user, or 0.
func (r *reader) survey() (n int) {
	for s := range strings.Lines(r.text) {
		if blank(s[0]) || s[0] == '#' || !hasColumns(s) {
			continue
		}
		var f []Word
		for w := range strings.FieldsSeq(s) {
			f = append(f, Word{Text: w})
		}
		if len(f) <= ColUser || !isProgram(f[ColUser].Text) || exchangedServer(f) {
			return 0
		}
		n++
	}
	return n
}

// misplaced reports a column that is surely missing, because the word in its place
// fits only the next column, two columns that are exchanged, or one too many.
func (d *draft) misplaced(f []Word) bool {
	n := len(f)
	typ := func(i int) bool { return i < n && isType(f[i].Text) }
	protocol := func(i int) bool { return i < n && isProtocol(f[i].Text) }
	wait := func(i int) bool { return i < n && isWait(f[i].Text) }
	program := func(i int) bool { return i < n && isProgram(f[i].Text) }
	switch {
	case n >= len(columnNames) && ordinary(f), // spares it the checks below: files may be long
		n >= len(columnNames) && typ(ColType) && protocol(ColProtocol) && wait(ColWait) && !program(ColUser) && !wait(ColUser) && !protocol(ColType):
		return false
	case protocol(ColType) && typ(ColProtocol):
		d.exchanged(f, ColType)
	case n > ColProtocol && !typ(ColType) && protocol(ColType):
		d.missing(f, ColType)
	case !typ(ColType) && typ(ColType+1) && protocol(ColProtocol+1):
		d.extra(f, ColType, "socket type")
	case !protocol(ColProtocol) && wait(ColProtocol):
		d.missing(f, ColProtocol)
	case typ(ColType) && !protocol(ColProtocol) && protocol(ColProtocol+1) && wait(ColWait+1):
		d.extra(f, ColProtocol, "protocol")
	case !wait(ColWait) && wait(ColUser) && program(ColServer):
		d.exchanged(f, ColWait)
	case !wait(ColWait) && wait(ColUser) && program(ColServer+1):
		d.extra(f, ColWait, "wait word")
	case !wait(ColWait) && program(ColUser):
		d.missing(f, ColWait)
	case wait(ColWait) && wait(ColUser) && !program(ColServer) && program(ColServer+1):
		d.extra(f, ColUser, "user")
	case lacksUser(f) && exchangedServer(f):
		d.exchanged(f, ColUser)
	case lacksUser(f):
		d.errorf(f[ColUser].Pos, "write "+written(slices.Insert(slices.Clip(f), ColUser, Word{Text: "USER"})), "the user column is missing")
	case program(ColUser), wait(ColWait) && wait(ColUser) && program(ColServer):
		d.missing(f, ColUser)
	case n < len(columnNames):
		d.missing(f, n)
	default:
		return false
	}
	return true
}

func (d *draft) exchanged(f []Word, i int) {
	pos, names := f[i].Pos, columnNames[i]+" and "+columnNames[i+1]
	f = slices.Clone(f)
	f[i], f[i+1] = f[i+1], f[i]
	d.errorf(pos, "write "+written(f), "%s are exchanged", names)
}

func (d *draft) extra(f []Word, i int, before string) {
	if addressColumn(f, i) {
		d.errorf(f[0].Pos, "write "+written(joined(f)), "the address and the port stand in two columns")
		return
	}
	d.errorf(f[i].Pos, "write "+written(slices.Delete(slices.Clone(f), i, i+1)), "a column too many: %q before the %s", f[i].Text, before)
}

// maxWritten is how many words of a line a hint shows.
const maxWritten = 16

// written returns the fields as a line, for a hint.
func written(f []Word) string {
	var b strings.Builder
	for i, w := range f {
		if i == maxWritten {
			return b.String() + " ..."
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if w.Quoted {
			b.WriteString(quote(w.Text))
		} else {
			b.WriteString(w.Text)
		}
	}
	return b.String()
}

func (d *draft) missing(f []Word, i int) {
	if len(f) >= len(columnNames) {
		d.errorf(f[i].Pos, fmt.Sprintf("%q stands in its place", f[i].Text), "the %s column is missing", columnNames[i])
		return
	}
	hint := fmt.Sprintf("the %s is missing", columnNames[i])
	if d.e.Pos.Col > 1 && d.e.Pos.Line > 1 {
		hint = "it starts with a blank, but there is no line before it to continue"
	}
	fields := "fields"
	if len(f) == 1 {
		fields = "field"
	}
	d.errorf(d.e.Pos, hint, "%d %s, need at least 6: service type protocol wait user server", len(f), fields)
}
