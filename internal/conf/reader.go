package conf

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// maxLine is the longest physical line that is read, in bytes.
const maxLine = 1 << 20

// maxDepth is how many files may be open by .include at once; a symbolic link
// to its own directory would otherwise give new names for ever.
const maxDepth = 16

// File is one file that an .include directive reads.
type File struct {
	Name string
	Text []byte
}

// Parse reads one configuration file, named file in positions. It returns
// every usable entry in the order of the text and every problem in the order
// of position. An .include directive is resolved by include, which gets the
// name of the including file and the pattern as written and returns the files
// it matches; with a nil include the directive is refused with a problem.
func Parse(file string, text []byte, include func(from, pattern string) ([]File, error)) (entries []Entry, problems []Problem) {
	for e := range Entries(file, text, include, &problems) {
		entries = append(entries, *e)
	}
	return entries, problems
}

// Entries is Parse one entry at a time, so that thousands of them need not be
// in memory at once. An entry is valid until the next one. The problems are
// complete when the last entry has been had.
func Entries(file string, text []byte, include func(from, pattern string) ([]File, error), problems *[]Problem) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		out := result{yield: yield}
		r := reader{
			result:  &out,
			include: include,
			files:   []string{file},
			text:    string(text),
			cursor:  cursor{line: 1},
		}
		r.read()
		*problems = out.problems
	}
}

// result takes what all files of one Parse have to say.
type result struct {
	yield    func(*Entry) bool
	stopped  bool // yield wants no more
	problems []Problem
}

// add hands out an entry.
func (r *result) add(e *Entry) {
	r.stopped = r.stopped || !r.yield(e)
}

// reader reads one file.
type reader struct {
	*result
	include func(from, pattern string) ([]File, error)
	files   []string // being read, the outermost first; the last is this one
	text    string
	cursor
	hosts []string // of the default address line, nil: every address

	logical line        // the line in hand
	fields  []Word      // its words
	open    []transport // what its protocol column asks for; one entry each
	last    *draft
}

// cursor is a place in the text.
type cursor struct {
	off   int // of the next byte
	line  int // its line, from 1
	start int // the offset where that line starts
}

func (r *reader) read() {
	r.byteOrderMark()
	for {
		at := r.cursor
		s, ok := r.next()
		if !ok {
			return
		}
		switch c := firstByte(s); {
		case c == 0:
		case c == '#':
			r.comment(s, at)
		case startsDefinition(s):
			r.cursor = at
			r.definition()
		default:
			r.entry(s, at)
		}
	}
}

// next returns what is left of the line at the cursor, without its end, and
// moves to the next line. Files from other systems end lines with CR LF.
func (r *reader) next() (s string, ok bool) {
	if r.off >= len(r.text) {
		return "", false
	}
	s, _, found := strings.Cut(r.text[r.off:], "\n")
	r.off += len(s)
	if found {
		r.cursor = cursor{off: r.off + 1, line: r.line + 1, start: r.off + 1}
	}
	return strings.TrimRight(s, "\r"), true
}

// byteOrderMark skips what Windows editors put before the first line.
func (r *reader) byteOrderMark() {
	switch {
	case strings.HasPrefix(r.text, "\xef\xbb\xbf"):
		r.off, r.start = 3, 3
		r.report(Hint, r.pos(r.cursor), "byte order mark skipped", "save the file without one")
	case strings.HasPrefix(r.text, "\xff\xfe"), strings.HasPrefix(r.text, "\xfe\xff"):
		r.report(Error, r.pos(r.cursor), "the file is in UTF-16, nothing in it is read", "save it as plain text or UTF-8")
		r.off = len(r.text)
	}
}

// entry handles the logical line that starts with s: a directive, a default
// address, or the columns of a service.
func (r *reader) entry(s string, at cursor) {
	first := len(r.problems)
	if r.join(s, at) && r.split() && len(r.fields) > 0 {
		switch name := r.fields[0]; {
		case strings.HasPrefix(name.Text, "."):
			r.directive(r.fields)
		case len(r.fields) == 1 && strings.HasSuffix(name.Text, ":"):
			r.defaultHost(name)
		default:
			r.columns(r.fields)
		}
	}
	r.sortProblems(first)
}

// sortProblems puts the problems from index first on in the order of position.
// Those of included files, which are in order, follow those of the directive.
func (r *reader) sortProblems(first int) {
	name := r.name()
	slices.SortStableFunc(r.problems[first:], func(a, b Problem) int {
		switch {
		case a.Pos.File != name && b.Pos.File != name:
			return 0
		case a.Pos.File != name:
			return 1
		case b.Pos.File != name:
			return -1
		}
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

func (r *reader) name() string { return r.files[len(r.files)-1] }

func (r *reader) pos(c cursor) Pos {
	return Pos{File: r.name(), Line: c.line, Col: c.off - c.start + 1}
}

func (r *reader) report(s Severity, at Pos, text, hint string) {
	r.problems = append(r.problems, Problem{Pos: at, Severity: s, Text: text, Hint: hint})
}

// firstByte returns the first byte of s that is no blank, or 0.
func firstByte(s string) byte {
	for i := range len(s) {
		if !blank(s[i]) {
			return s[i]
		}
	}
	return 0
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
