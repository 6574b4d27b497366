package conf

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"inetd/internal/plaintext"
)

// maxLine is the longest physical line that is read, in bytes.
const maxLine = 1 << 20

// maxDepth is how many files may be open by .include at once; a symbolic link
// to its own directory would otherwise give new names for ever.
const maxDepth = 16

// File is a file of a configuration. One File stands for all names of a file,
// and for the time of one load: it knows whether it has been read.
type File struct {
	Name string
	Text string
	Line int    // the number of its first line, if that is not 1
	Skip string // why it is not read, as its author will want to know; else empty

	under []string // the default addresses it has been read under
}

// begin notes that the file is read under a default address, and reports false
// if it has been read under that one. Files that include each other would
// otherwise be read once for every order that they can come in.
func (f *File) begin(hosts []string) bool {
	key := strings.Join(hosts, ",")
	if slices.Contains(f.under, key) {
		return false
	}
	f.under = append(f.under, key)
	return true
}

// Include answers an .include directive: it gets the name of the including file
// and the pattern as written, and returns the files that it matches.
type Include func(from, pattern string) ([]*File, error)

// Parser reads the files of one configuration. Gather is called for each of
// them before Entries is for the first, and Unused after the last.
type Parser struct {
	Include  Include   // nil: the directive is refused with a problem
	Problems []Problem // of what was read so far, those of one file in the order of position

	with     amendments
	remarks  *remarks     // nil: nobody wants them
	gathered map[Pos]bool // files, by their first places
	included map[[2]string]included
	scanned  map[Pos]scanned // definitions that amend entries, by their places
}

// Gather notes the definitions of a file that amend entries of any file. It
// reports no problems: Entries comes by them again.
func (p *Parser) Gather(file *File) {
	if !mayAmend(file.Text) && !strings.Contains(file.Text, ".include") {
		return
	}
	p.gather(file)
}

// mayAmend tells whether a text may hold a definition that amends entries: one
// word, or a quoted one, before "with". A long file that has that word only in a
// comment is spared a second pass.
func mayAmend(text string) bool {
	for i := 0; ; i++ {
		n := strings.Index(text[i:], "with")
		if n < 0 {
			return false
		}
		i += n
		start := strings.LastIndexAny(text[:i], "\n;\x00") // a NUL breaks a definition off
		before := strings.Trim(text[start+1:i], " \t")
		if before == "" && start >= 0 && text[start] != '\n' {
			return true // to a line the semicolon may be a word
		}
		if comment := strings.HasPrefix(before, "#") && (start < 0 || text[start] == '\n'); comment || before == "" {
			continue
		}
		if before[0] == '"' || before[0] == '\'' || !strings.ContainsAny(before, " \t") {
			return true
		}
	}
}

func (p *Parser) gather(file *File) {
	if p.gathered == nil {
		p.gathered, p.included, p.scanned = map[Pos]bool{}, map[[2]string]included{}, map[Pos]scanned{}
	}
	scratch := Parser{Include: p.Include, gathered: p.gathered, included: p.included, scanned: p.scanned}
	r := newReader(&scratch, file)
	r.gathering = true
	r.read()
	p.with.add(scratch.with.list)
}

// included is what an .include directive has read.
type included struct {
	files []*File
	err   error
}

// include asks Include, once for each directive.
func (p *Parser) include(from, pattern string) ([]*File, error) {
	key := [2]string{from, pattern}
	got, known := p.included[key]
	if !known {
		got.files, got.err = p.Include(from, pattern)
		if p.included != nil {
			p.included[key] = got
		}
	}
	return got.files, got.err
}

// Entries returns the usable entries of a file in the order of the text. The
// memory of an entry is used again for the next one, so that thousands of them
// need not be in memory at once; what it points to is its own.
func (p *Parser) Entries(file *File) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		r := newReader(p, file)
		r.yield = yield
		if !file.begin(nil) {
			r.report(Hint, Pos{File: file.Name, Line: 1}, "another file includes this one", "it is read once")
			return
		}
		r.read()
	}
}

// KeepRemarks makes the parser hand out entries as they are to be printed: with
// their comments, and those too that are switched off.
func (p *Parser) KeepRemarks() { p.remarks = &remarks{} }

// Remarks returns the comments that stand after the last entry: entries that are
// commented out, and what could not be read.
func (p *Parser) Remarks() []string { return p.remarks.kept }

// Compile returns the entries of a definition that another front end has read, with
// its comments and problems if those are wanted.
func (p *Parser) Compile(def Definition) (entries []Entry) {
	r := newReader(p, &File{Name: def.Service.Pos.File})
	r.yield = func(e *Entry) bool {
		entries = append(entries, *e)
		return true
	}
	first := len(p.Problems)
	if p.remarks != nil {
		p.remarks.begin(&def, first)
	}
	if !def.Broken {
		r.compile(&def)
	}
	r.sortProblems(first)
	if p.remarks != nil && len(entries) == 0 {
		p.remarks.lose(p.Problems[first:], def.closed().String())
	}
	return entries
}

// closed is a definition with a mistake as it is kept: what was lost may have kept
// clients out, so that whoever uncomments it has to say who may come.
func (def Definition) closed() Definition {
	if def.index("deny") < 0 {
		everybody := Option{Key: Word{Text: "deny"}, Values: []Word{{Text: "0.0.0.0/0"}, {Text: "::/0"}}}
		def.Options = append(slices.Clip(def.Options), everybody)
	}
	return def
}

// Parse reads a configuration of one file. It returns every usable entry and
// every problem.
func Parse(file string, text []byte, include Include) ([]Entry, []Problem) {
	p := Parser{Include: include}
	return p.parse(file, text), p.Problems
}

func (p *Parser) parse(name string, text []byte) (entries []Entry) {
	file := &File{Name: name, Text: string(text)}
	p.Gather(file)
	for e := range p.Entries(file) {
		entries = append(entries, *e)
	}
	p.Unused()
	return entries
}

// reader reads one file.
type reader struct {
	out       *Parser           // where problems and amendments go
	yield     func(*Entry) bool // takes an entry, and tells whether more are wanted
	stopped   bool              // none are
	gathering bool              // for Gather: entries are skipped, not read
	files     []*File           // being read, the outermost first; the last is this one
	text      string
	cursor
	hosts    []string // of the default address line, nil: every address
	hostsAt  Pos      // where that line is
	policy   *policy
	surveyed bool // userless is known
	userless bool // no entry of the file has a user

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

func newReader(out *Parser, file *File) *reader {
	return &reader{out: out, files: []*File{file}, text: file.Text, cursor: cursor{line: max(file.Line, 1)}, policy: &policy{}}
}

func (r *reader) read() {
	if r.gathering {
		at := r.pos(r.cursor)
		if r.out.gathered[at] {
			return
		}
		r.out.gathered[at] = true
	}
	r.decode()
	r.gap()
	defer r.gap()
	for !r.stopped {
		at := r.cursor
		s, ok := r.next()
		if !ok {
			return
		}
		switch firstByte(s) {
		case '\n':
			r.gap()
		case '#':
			r.comment(s, at)
		default:
			r.item(s, at)
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

// decode finds the text of the file. What is wrong with a single byte is
// reported with its line.
func (r *reader) decode() {
	text, marked, fault := plaintext.Decode(r.files[len(r.files)-1].Text)
	if marked {
		r.report(Hint, r.pos(r.cursor), "byte order mark skipped", "save the file without one")
	}
	if fault != nil && fault.Encoded {
		r.report(Error, r.pos(r.cursor), fault.Text, fault.Hint)
		text = ""
	}
	r.text = text
}

// entry handles the logical line that starts with s: a directive, a default
// address, or the columns of a service.
func (r *reader) entry(s string, at cursor) {
	first := len(r.out.Problems)
	if r.join(s, at) && r.split() && len(r.fields) > 0 {
		if !r.gathering && !r.logical.ascii {
			r.lookalikesOfLine()
		}
		switch name := r.fields[0]; {
		case strings.HasPrefix(name.Text, "."):
			r.directive(r.fields)
		case r.gathering:
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
	slices.SortStableFunc(r.out.Problems[first:], func(a, b Problem) int {
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

func (r *reader) name() string { return r.files[len(r.files)-1].Name }

func (r *reader) pos(c cursor) Pos {
	return Pos{File: r.name(), Line: c.line, Col: c.off - c.start + 1}
}

func (r *reader) report(s Severity, at Pos, text, hint string) {
	r.out.Problems = append(r.out.Problems, Problem{Pos: at, Severity: s, Text: text, Hint: hint})
}

// firstByte returns the first byte of s that is no blank, or a newline if
// nothing else is in the line.
func firstByte(s string) byte {
	if n := indent(s); n < len(s) {
		return s[n]
	}
	return '\n'
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
