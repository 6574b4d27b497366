package conf

import (
	"iter"
	"slices"
	"strings"

	"inetd/internal/plaintext"
)

// maxLine is the longest physical line that is read, in bytes.
const maxLine = 1 << 20

// maxDepth is how deep .include may nest, in files: a symbolic link to its own
// directory would otherwise give new names for ever.
const maxDepth = 16

// File is a file of a configuration. All names of a file share one File, which
// lives for one load: it knows whether it has been read.
type File struct {
	Name string
	Text string
	Line int    // the number of its first line, if that is not 1
	Skip string // why the file is not read, for its author to know; else empty

	under []string // the default addresses that were in force when it was read
}

// begin notes that the file is read under a default address, and returns false if it
// already has been. Files that include each other would otherwise be read once for
// every order in which they can be reached.
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

// Parser reads the files of one configuration. Call Gather for all files first, then
// Entries for each, then Unused once.
type Parser struct {
	Include  Include   // nil: the directive is refused with a problem
	Problems []Problem // found so far, those of one file in the order of position

	with     amendments
	remarks  *remarks     // nil: nobody wants them
	gathered map[Pos]bool // files read by Gather, by their first places
	included map[[2]string]included
	scanned  map[Pos]scanned // definitions that amend entries, by their places
}

// Gather notes the definitions of a file that amend entries of any file. It
// reports no problems: Entries finds them when it reads the file again.
func (p *Parser) Gather(file *File) {
	if !mayAmend(file.Text) && !strings.Contains(file.Text, ".include") {
		return
	}
	p.gather(file)
}

// mayAmend tells whether a text may hold a definition that amends entries: one
// word, or a quoted one, before "with". A long file with that word only in its
// comments is spared a second pass.
func mayAmend(text string) bool {
	for i := 0; ; i++ {
		n := strings.Index(text[i:], "with")
		if n < 0 {
			return false
		}
		i += n
		start := strings.LastIndexAny(text[:i], "\n;\x00") // a NUL breaks a definition off
		before := trim(text[start+1 : i])
		if before == "" && start >= 0 && text[start] != '\n' {
			return true // in columns the semicolon may be a word
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

// included is what Include has returned for a directive.
type included struct {
	files []*File
	err   error
}

// include calls Include once for each directive, which Gather and Entries both meet.
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

// Entries returns the usable entries of a file in the order of the text. The next
// entry overwrites the one before, so that thousands of them need not be in memory
// at once; what an entry points to is not overwritten.
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

// KeepRemarks makes the parser yield entries for printing: with their comments, and
// also those that are switched off.
func (p *Parser) KeepRemarks() { p.remarks = &remarks{} }

// Remarks returns the comments to print after the last entry: entries that are
// commented out, and what could not be read.
func (p *Parser) Remarks() []string { return p.remarks.kept }

// Compile returns the entries of a definition that another front end has read. After
// KeepRemarks they have the definition's comments and problems.
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

// closed returns a definition with a mistake as it is kept in a comment: with a deny
// for everybody. The lost part may have kept clients out, so whoever uncomments the
// definition has to say who may connect.
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
	yield     func(*Entry) bool // takes an entry, and returns whether more are wanted
	stopped   bool              // yield wants no more
	gathering bool              // for Gather: entries are skipped, not read
	files     []*File           // being read, the outermost first; the last is this one
	text      string
	cursor
	hosts    []string // of the default address line; nil: every address
	hostsAt  Pos      // where that line is
	policy   *policy
	surveyed bool // userless is known
	userless bool // no entry of the file has a user

	logical line        // the line in hand
	fields  []Word      // its words
	open    []transport // the transports its protocol column asks for; one entry each
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

// next returns the rest of the line from the cursor on, without its line end, and
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

// decode takes the text out of the file's bytes. Text in UTF-16 is an error, and empty.
// A single bad byte is reported later, with its line.
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

// sortProblems sorts the problems from index first on by position. Those of included
// files, which are in order already, come after those of this file.
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
		return a.Pos.Compare(b.Pos)
	})
}

func (r *reader) name() string { return r.files[len(r.files)-1].Name }

func (r *reader) pos(c cursor) Pos {
	return Pos{File: r.name(), Line: c.line, Col: c.off - c.start + 1}
}

func (r *reader) report(s Severity, at Pos, text, hint string) {
	r.out.Problems = append(r.out.Problems, Problem{Pos: at, Severity: s, Text: text, Hint: hint})
}

// firstByte returns the first byte of s that is not a blank, or a newline if there
// is none.
func firstByte(s string) byte {
	if n := indent(s); n < len(s) {
		return s[n]
	}
	return '\n'
}

func blank(c byte) bool { return c == ' ' || c == '\t' }
