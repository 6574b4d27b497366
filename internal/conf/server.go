package conf

import (
	"fmt"
	"path"
	"strings"
)

// user reads the fifth column: "user", "user:group", "user.group", each with a
// FreeBSD login class after a slash. The colon is tried first, so that names
// with a dot in them can be written.
func (d *draft) user(f Word) {
	d.e.Cols[ColUser] = f.Pos
	name, class, classed := strings.Cut(f.Text, "/")
	if classed {
		d.hint(f.at(len(name)), fmt.Sprintf("login class %q ignored", class), "Linux has none")
	}
	sep := ":"
	if !strings.Contains(name, sep) {
		sep = "."
	}
	user, group, grouped := strings.Cut(name, sep)
	switch {
	case user == "":
		d.errorf(f.Pos, "expected user, user:group, or - for the daemon's own", "no user in %q", f.Text)
	case grouped && group == "":
		d.errorf(f.at(len(user)), "expected user:group", "no group in %q", f.Text)
	case strings.Contains(group, ":"):
		d.errorf(f.at(len(user)+1), "expected user:group", "bad group %q", group)
	}
	switch user {
	case "-":
		user = ""
	case "NOLUID":
		d.hint(f.Pos, "NOLUID is read as root", "Linux gives no login uid to a server")
		user = "root"
	}
	d.e.User, d.e.Group, d.e.Dotted = user, group, grouped && sep == "."
}

// isProgram tells whether a word can only be a server.
func isProgram(s string) bool {
	return s == "internal" || strings.HasPrefix(s, "/") || strings.HasPrefix(s, ">")
}

// server reads the sixth column and the arguments. The first argument is
// argv[0], except on VOS, which has no such column.
func (d *draft) server(f Word, args []Word) {
	d.e.Cols[ColServer] = f.Pos
	if len(args) > 0 {
		d.e.Cols[ColArgs] = args[0].Pos
	}
	vos := strings.HasPrefix(f.Text, ">")
	d.e.Internal = f.Text == "internal"
	switch {
	case d.e.Internal:
		d.e.Argv = words(args)
		if d.e.Kind == Unix && len(args) == 0 { // as for FreeBSD's /var/run/echo
			d.e.Argv = []string{strings.TrimPrefix(path.Base(d.e.Service), "@")}
		}
		return
	case f.Text == "":
		d.errorf(f.Pos, "expected a path", "empty server")
		return
	case vos:
		d.e.Server = strings.ReplaceAll(f.Text, ">", "/")
	default:
		d.e.Server = f.Text
	}
	base := path.Base(d.e.Server)
	if vos || len(args) == 0 {
		args = append([]Word{{Text: base}}, args...)
	} else {
		d.checkName(args, base)
	}
	d.e.Argv = words(args)
}

// words returns the texts of f.
func words(f []Word) []string {
	list := make([]string, len(f))
	for i, w := range f {
		list[i] = w.Text
	}
	return list
}

// checkName reports a first argument that was probably not meant as argv[0].
func (d *draft) checkName(args []Word, base string) {
	name := args[0].Text
	number := isNumber(name) && name != base
	option := strings.HasPrefix(name, "-") && name[1:] != base || strings.HasPrefix(name, "+")
	other := strings.HasPrefix(name, "/") && path.Base(name) != base && base != "tcpd"
	switch {
	case d.split:
	case isScript(name, base) && isInterpreter(base):
		fate := "does not run it"
		if len(args) == 1 {
			fate = "runs what the client sends"
		}
		d.report(Warning, args[0].Pos, fmt.Sprintf("argv[0] is the script, so %s %s", base, fate),
			"write "+base+" "+written(args))
	case number || option || other || strings.Contains(name, "="):
		d.hint(args[0].Pos, fmt.Sprintf("the server's argv[0] is %q", name), fmt.Sprintf("if it is an argument, write %q before it", base))
	}
}

// isInterpreter tells whether a program without arguments runs what the client sends.
func isInterpreter(base string) bool {
	switch strings.TrimRight(base, "0123456789.-") {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "csh", "tcsh", "python", "pypy", "perl", "ruby",
		"node", "nodejs", "php", "lua", "luajit", "tclsh", "expect", "guile", "Rscript":
		return true
	}
	return false
}

// isScript tells whether a first argument is a file for the interpreter base to run.
func isScript(name, base string) bool {
	switch path.Ext(name) {
	case ".sh", ".py", ".pl", ".rb", ".js", ".mjs", ".php", ".lua", ".tcl", ".exp", ".scm", ".R":
		return true
	}
	return strings.Contains(name, "/") && path.Base(name) != base
}
