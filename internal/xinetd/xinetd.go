// Package xinetd reads the files of xinetd(8). In go the texts of the files, out
// come the definitions of their services, in the form that package conf compiles,
// and all problems, each with the place in the file it is about. The package is
// pure: what it must know of the machine is handed in.
//
// A service of xinetd is a set of attributes. A block "defaults" has those for the
// services that leave them out, so there are no definitions before all files have
// been read:
//
//	r := xinetd.Reader{Include: ...}
//	r.Read(file)                 // for each file of the command line
//	for def := range r.Definitions(file) { parser.Compile(def) }
//
// The table of attributes (table.go) has one row for each: where it may stand,
// how many values it takes, and which keys of the second syntax it becomes. An
// attribute that decides who is served is obeyed, or its service is not served.
package xinetd

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/nearest"
	"inetd/internal/plaintext"
)

// maxDepth is how deep files may include one another.
const maxDepth = 16

// Reader reads the files of one configuration.
type Reader struct {
	// Include returns the file of a directive "include", or the files of a directory
	// in the order of "includedir", see Included. Nil: neither is possible.
	Include func(from, path string, directory bool) ([]*conf.File, error)
	// Network looks a name up in networks(5). Nil: there are none.
	Network func(name string) (netip.Prefix, bool)
	// Port looks a service up in services(5). Nil: no service is looked up.
	Port  func(name, protocol string) (port uint16, ok bool)
	Root  bool // the daemon can give a server other groups than its own
	Rules bool // hosts.allow or hosts.deny has rules

	Problems []conf.Problem // found so far
	Apart    []conf.Problem // those of services that are not in their own blocks, but in defaults
	Off      []conf.Problem // in the blocks of services that are off, for a check of the configuration

	services   []*service
	defaults   settings
	defaultsIn map[string]conf.Pos // where each file has its block of them
	broken     map[*row]conf.Pos   // attributes of defaults with a mistake
	open       []*conf.File        // being read, the outermost first
	seen       map[*conf.File]bool
	told       map[conf.Pos]bool // places that once has reported
	finished   bool
}

// Is reports whether a text is a file of xinetd: it has a block, or includes files,
// and no line of inetd.conf stands before that.
func Is(text string) bool {
	text, _, _ = plaintext.Decode(text)
	l := lines{text: text}
	for {
		line, ok := l.next()
		switch {
		case !ok:
			return false
		case isDirective(line.words), isHead(line.words) && (last(line.words) == "{" || l.opens()):
			return true
		case conf.IsEntry(line.text):
			return false
		}
	}
}

// Included reports whether includedir reads a file of that name, without its path.
func Included(name string) bool {
	return !strings.Contains(name, ".") && !strings.HasSuffix(name, "~")
}

// Read reads a file and those that it includes.
func (r *Reader) Read(file *conf.File) {
	if r.seen == nil {
		r.seen, r.broken = map[*conf.File]bool{}, map[*row]conf.Pos{}
		r.defaultsIn, r.told = map[string]conf.Pos{}, map[conf.Pos]bool{}
	}
	if r.seen[file] {
		r.report(conf.Hint, conf.Pos{File: file.Name, Line: 1}, "another file includes this one", "it is read once")
		return
	}
	r.read(file)
}

func (r *Reader) read(file *conf.File) {
	r.seen[file] = true
	r.open = append(r.open, file)
	text, _, fault := plaintext.Decode(file.Text)
	if fault != nil {
		r.report(conf.Error, conf.Pos{File: file.Name, Line: fault.Line, Col: fault.Col}, fault.Text, fault.Hint)
		text = ""
	}
	l := &lines{file: file.Name, text: text}
	for line, ok := l.next(); ok; line, ok = l.next() {
		r.entry(l, line)
	}
	r.open = r.open[:len(r.open)-1]
}

// entry reads the directive or block that a line outside of blocks begins.
func (r *Reader) entry(l *lines, head line) {
	switch w := head.words; {
	case isDirective(w):
		r.directive(w)
	case w[0].Text == "service" || w[0].Text == "defaults":
		r.block(l, head)
	case w[0].Text == "}":
		r.report(conf.Error, w[0].Pos, `"}" closes nothing`, "remove it")
	case len(w) == 1 && (w[0].Text == "include" || w[0].Text == "includedir"):
		r.report(conf.Error, w[0].Pos, w[0].Text+" without a path", "write the path after it")
	case conf.IsEntry(head.text):
		r.report(conf.Error, w[0].Pos, "a line of inetd.conf in a file of xinetd", "write it into a file of its own")
	default:
		r.report(conf.Error, w[0].Pos, fmt.Sprintf("%q begins no entry", w[0].Text), suggest(w[0].Text, keywords))
	}
}

// directive carries out include or includedir.
func (r *Reader) directive(w []conf.Word) {
	name, path := w[0].Text, w[1]
	if len(w) > 2 {
		r.report(conf.Warning, w[2].Pos, fmt.Sprintf("%q after %s ignored", w[2].Text, name), "one path is read")
	}
	switch {
	case r.Include == nil:
		r.report(conf.Error, w[0].Pos, name+" is not possible here", "")
		return
	case len(r.open) == maxDepth:
		r.report(conf.Error, path.Pos, fmt.Sprintf("%d files include one another", maxDepth), "is a symbolic link a loop?")
		return
	}
	files, err := r.Include(r.open[len(r.open)-1].Name, path.Text, name == "includedir")
	if err != nil {
		r.report(conf.Error, path.Pos, fmt.Sprintf("%s %q: %v", name, path.Text, err), "")
	}
	for _, f := range files {
		switch {
		case f.Skip != "":
			r.report(conf.Warning, path.Pos, fmt.Sprintf("%q skipped: %s", f.Name, f.Skip), "")
		case slices.Contains(r.open, f):
			r.report(conf.Error, path.Pos, fmt.Sprintf("%q includes itself", f.Name), "it is read once")
		case r.seen[f]:
			r.report(conf.Hint, path.Pos, fmt.Sprintf("%q has been read before", f.Name), "it is read once")
		default:
			r.read(f)
		}
	}
}

// Definitions returns the services that a file and those that it includes define,
// in the order of the text, with the comments right above them. Those with a mistake
// are Broken. Read must have been called for all files.
func (r *Reader) Definitions(file *conf.File) iter.Seq[conf.Definition] {
	r.finish()
	return func(yield func(conf.Definition) bool) {
		for _, s := range r.services {
			if s.root == file && !yield(s.def) {
				return
			}
		}
	}
}

// finish makes definitions of the services, once.
func (r *Reader) finish() {
	if r.finished {
		return
	}
	r.finished = true
	first := map[string]*service{}
	for _, s := range r.services {
		s.finish(first)
	}
	if r.handsOut() {
		return
	}
	for _, s := range r.services {
		if s.mux() && s.serves() {
			s.errorf(s.name.Pos, "write one with type = INTERNAL", "not served: no service tcpmux is on, which would hand it out")
			s.def.Broken = true
		}
	}
}

// handsOut reports whether a service tcpmux is on. Without it xinetd does not open the
// port of tcpmux.
func (r *Reader) handsOut() bool {
	return slices.ContainsFunc(r.services, func(s *service) bool { return s.name.Text == "tcpmux" && s.internal() && s.serves() })
}

func (r *Reader) report(s conf.Severity, at conf.Pos, text, hint string) {
	r.Problems = append(r.Problems, problem(s, at, text, hint))
}

// Idle notes problems in the block of a service that is off, errors as warnings: xinetd
// does not see them, but they would count if the service were on.
func (r *Reader) Idle(problems ...conf.Problem) {
	for _, p := range problems {
		if p.Severity != conf.Hint {
			p.Severity = conf.Warning
			r.Off = append(r.Off, p)
		}
	}
}

// problem makes a problem. Its hint may repeat any bytes of the file, so it is escaped.
func problem(s conf.Severity, at conf.Pos, text, hint string) conf.Problem {
	return conf.Problem{Pos: at, Severity: s, Text: text, Hint: plaintext.Visible(hint)}
}

// Parse reads a configuration of one file.
func Parse(name string, text []byte, include func(from, path string, directory bool) ([]*conf.File, error)) ([]conf.Definition, []conf.Problem) {
	r := Reader{Include: include}
	file := &conf.File{Name: name, Text: string(text)}
	r.Read(file)
	list := slices.Collect(r.Definitions(file))
	return list, r.Problems
}

// suggest returns the hint for a word that is not one of words.
func suggest(word string, words []string) string {
	if near := nearest.Name(word, slices.Values(words)); near != "" {
		return "did you mean " + strconv.Quote(near) + "?"
	}
	if len(words) > 8 {
		return "xinetd.conf(5) has the list"
	}
	return "expected " + joined(words, "or")
}

// joined returns a list of words as a sentence has it: "a, b or c".
func joined(words []string, or string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " " + or + " " + words[last]
}
