package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"inetd/internal/conf"
	"inetd/internal/plaintext"
)

// WriteText writes the report for people: a block for each entry, the problems, and a
// line that sums up.
func (r *Report) WriteText(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for i := range r.Entries {
		r.Entries[i].write(b)
	}
	for _, p := range r.Short {
		fmt.Fprintln(b, plaintext.Visible(p.String()))
	}
	if len(r.Problems) > 0 {
		fmt.Fprintln(b)
	}
	fmt.Fprintln(b, r.summary())
}

// WriteProblems writes the errors and warnings of the report, but no hints, for people.
func (r *Report) WriteProblems(w io.Writer) {
	for _, p := range r.Short {
		if p.Severity != conf.Hint.String() {
			fmt.Fprintln(w, plaintext.Visible(p.String()))
		}
	}
}

// write writes the block of an entry.
func (e *Entry) write(w io.Writer) {
	fmt.Fprint(w, plaintext.Visible(fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Label)))
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
		line("key", plaintext.Visible(k.Text+" ("+plaintext.Place(k.File, k.Line, k.Col)+")"))
	}
	fmt.Fprintln(w)
}

// String returns the program and its versions in words.
func (p *Program) String() string {
	if p.Low == p.High {
		return fmt.Sprintf("%d version %d", p.Number, p.Low)
	}
	return fmt.Sprintf("%d versions %d to %d", p.Number, p.Low, p.High)
}

func (e *Entry) waitWord() string {
	switch {
	case e.Listen:
		return "listen"
	case e.Wait:
		return "wait"
	}
	return "nowait"
}

func (e *Entry) sockets() string {
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
func (e *Entry) user() string {
	if e.Identity == nil {
		return "the daemon's own"
	}
	id, who := e.Identity, e.User
	if e.Group != "" {
		who += ":" + e.Group
	}
	groups := make([]string, len(id.Groups))
	for i, g := range id.Groups {
		groups[i] = strconv.FormatUint(uint64(g), 10)
	}
	return fmt.Sprintf("%s: uid %d, gid %d, groups %s", plaintext.Visible(who), id.UID, id.GID, strings.Join(groups, " "))
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
func (p Problem) String() string {
	return plaintext.Complaint(plaintext.Place(p.File, p.Line, p.Col), p.Severity+": "+p.Text, p.Hint)
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
	return fmt.Sprintf("%s, %s%s, %s: %s, %s, %s", plaintext.Count(len(r.Files), "file", "files"),
		plaintext.Count(len(r.Entries), "entry", "entries"), not, plaintext.Count(sockets, "socket", "sockets"),
		plaintext.Count(r.count(conf.Error), "error", "errors"), plaintext.Count(r.count(conf.Warning), "warning", "warnings"),
		plaintext.Count(r.count(conf.Hint), "hint", "hints"))
}
