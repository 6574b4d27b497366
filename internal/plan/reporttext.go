package plan

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"inetd/internal/conf"
	"inetd/internal/plaintext"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// WriteText writes the report for people: a block for each entry, the problems, and a
// line that sums up.
func (r *Report) WriteText(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for i := range r.Entries {
		r.Entries[i].write(b)
	}
	for _, p := range r.short {
		fmt.Fprintln(b, plaintext.Visible(p.String()))
	}
	if len(r.Problems) > 0 {
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b, r.summary())
}

// WriteProblems writes the errors and warnings of the report, but no hints, for people.
func (r *Report) WriteProblems(w io.Writer) {
	for _, p := range r.short {
		if p.Severity != conf.Hint.String() {
			fmt.Fprintln(w, plaintext.Visible(p.String()))
		}
	}
}

// write writes the block of an entry.
func (e *reportEntry) write(w io.Writer) {
	fmt.Fprint(w, plaintext.Visible(fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.label)))
	if !e.Served {
		fmt.Fprint(w, ": not served\n\n")
		return
	}
	fmt.Fprintln(w)
	line := func(name, text string) { fmt.Fprintf(w, "    %-8s %s\n", name, text) }
	line("sockets", e.sockets())
	if p := e.Program; p != nil {
		line("program", p.String())
	}
	line("type", e.SocketType+" "+e.waitWord())
	line("user", e.user())
	switch {
	case e.Builtin != "":
		line("server", "internal "+e.Builtin)
	case e.Server == "":
		line("server", "none; clients are passed on to another place")
	default:
		line("server", shown(e.Server))
	}
	if len(e.Argv) > 0 {
		line("argv", vector(e.Argv))
	}
	line("limits", e.Limits.String())
	for _, k := range e.Keys {
		line("key", plaintext.Visible(k.text+" ("+conf.Pos{File: k.File, Line: k.Line, Col: k.Col}.String()+")"))
	}
	fmt.Fprintln(w)
}

// String returns the program and its versions in words.
func (p *reportProgram) String() string {
	if p.Low == p.High {
		return fmt.Sprintf("%d version %d", p.Number, p.Low)
	}
	return fmt.Sprintf("%d versions %d to %d", p.Number, p.Low, p.High)
}

func (e *reportEntry) waitWord() string {
	switch {
	case e.Listen:
		return "listen"
	case e.Wait:
		return "wait"
	}
	return "nowait"
}

func (e *reportEntry) sockets() string {
	if len(e.Sockets) == 0 {
		return "none; tcpmux hands it out"
	}
	list := make([]string, len(e.Sockets))
	for i, s := range e.Sockets {
		list[i] = s.Network + " " + shown(s.Address)
		if s.Mode != "" {
			list[i] += " mode " + s.Mode
		}
		if s.Owner != "" {
			list[i] += " owner " + s.Owner
		}
	}
	return strings.Join(list, ", ")
}

// user returns the user column and the numbers that it stands for.
func (e *reportEntry) user() string {
	if e.Identity == nil {
		return "the daemon's own"
	}
	id := e.Identity
	groups := make([]string, len(id.Groups))
	for i, g := range id.Groups {
		groups[i] = strconv.FormatUint(uint64(g), 10)
	}
	return fmt.Sprintf("%s: uid %d, gid %d, groups %s", plaintext.Visible(User{e.User, e.Group}.String()), id.UID, id.GID, strings.Join(groups, " "))
}

// vector returns a list of arguments, quoted where needed.
func vector(argv []string) string {
	list := make([]string, len(argv))
	for i, a := range argv {
		list[i] = shown(a)
	}
	return strings.Join(list, " ")
}

// shown returns a word, quoted if one could not see otherwise where it ends or what is
// in it.
func shown(s string) string {
	plain := func(r rune) bool { return r > ' ' && r != unicode.ReplacementChar && strconv.IsPrint(r) }
	if s == "" || strings.ContainsAny(s, `"'\`) || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return strconv.Quote(s)
	}
	return s
}

// String returns the problem in the format of compilers.
func (p reportProblem) String() string {
	var b strings.Builder
	switch {
	case p.Line > 0:
		b.WriteString(conf.Pos{File: p.File, Line: p.Line, Col: p.Col}.String() + ": ")
	case p.File != "":
		b.WriteString(p.File + ": ")
	}
	b.WriteString(p.Severity + ": " + p.Text)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

func (r *Report) summary() string {
	sockets, idle := 0, 0
	for _, e := range r.Entries {
		sockets += len(e.Sockets)
		if !e.Served {
			idle++
		}
	}
	not := ""
	if idle > 0 {
		not = fmt.Sprintf(" (%d not served)", idle)
	}
	return fmt.Sprintf("%s, %s%s, %s: %s, %s, %s", Count(len(r.Files), "file", "files"),
		Count(len(r.Entries), "entry", "entries"), not, Count(sockets, "socket", "sockets"),
		Count(r.count(conf.Error), "error", "errors"), Count(r.count(conf.Warning), "warning", "warnings"),
		Count(r.count(conf.Hint), "hint", "hints"))
}

// Count returns a number with its noun: "1 socket", "2 sockets".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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
