package conf

import (
	"slices"
	"strings"

	"inetd/internal/plaintext"
)

// remarks collects what stands around entries, for printing them again. The method
// next returns the lines to print above an entry.
type remarks struct {
	kept  []string // lines for whatever entry comes next, an empty one after each block of them
	above []string // the comment right above the item in hand
	given int      // how many entries have been handed out
	told  int      // how many problems there were before the item in hand
	lines bool     // the item is in columns
}

// comment notes a line of a comment. An IPsec policy is not a comment: it becomes a key.
func (m *remarks) comment(s string) {
	if !strings.HasPrefix(s, "#@") {
		m.above = append(m.above, visible(s))
	}
}

// gap notes that the comment in hand belongs to no entry. Entries that are commented
// out in it are kept; the prose around them is not.
func (m *remarks) gap() {
	n := len(m.kept)
	for i := 0; i < len(m.above); {
		size := commentedOut(m.above[i:])
		m.kept = append(m.kept, m.above[i:i+size]...)
		i += max(size, 1)
	}
	if len(m.kept) > n {
		m.kept = append(m.kept, "")
	}
	m.above = nil
}

// next returns the lines to print above the entry that is made of the item in hand.
// For an item in columns they include its problems, which tell how the columns were
// understood. A definition is printed as it is, so reading it again reports its
// problems again.
func (m *remarks) next(problems []Problem) (lines []string) {
	lines = append(m.kept, m.above...)
	if m.lines {
		lines = append(lines, comments(problems[m.told:])...)
	}
	m.kept, m.above, m.lines = nil, nil, false
	m.given++
	return lines
}

// begin takes the comments and problems of a definition of another front end. Reading
// what is printed would not report those problems again.
func (m *remarks) begin(def *Definition, told int) {
	m.above = nil
	for _, s := range def.Comments {
		m.comment(s)
	}
	m.above = append(m.above, comments(def.Problems)...)
	m.told, m.lines = told, true
	def.Comments = nil
}

// comments returns problems as comments.
func comments(problems []Problem) (lines []string) {
	for _, p := range problems {
		lines = append(lines, visible("# "+p.String()))
	}
	return lines
}

// lose keeps, as a comment, an item that has made no entry, after its problems.
func (m *remarks) lose(problems []Problem, text string) {
	m.kept = slices.Concat(m.kept, m.above, comments(problems))
	for s := range strings.Lines(text) {
		m.kept = append(m.kept, visible("# "+strings.TrimRight(s, "\r\n")))
	}
	m.kept = append(m.kept, "")
	m.above = nil
}

// visible returns a line without characters that could end it or act on a terminal.
func visible(s string) string {
	if strings.ContainsFunc(s, control) {
		return plaintext.Visible(s)
	}
	return s
}

// commentedOut returns how many lines of a comment, from the first on, are one entry
// that was commented out.
func commentedOut(lines []string) int {
	text := uncomment(lines[0])
	switch _, rest := cutService(text); {
	case hasColumns(text):
		n := 1
		for n < len(lines) && strings.HasPrefix(lines[n], "#\t") && !hasColumns(uncomment(lines[n])) {
			n++ // it continues the line
		}
		return n
	case !startsDefinition(text):
		return 0
	default:
		_, rest = cutWord(rest)
		if trim(rest) != "" && !strings.Contains(rest, "=") {
			return 0 // prose, as in "turn on the lights"
		}
	}
	return 1 + slices.IndexFunc(lines, func(s string) bool { return strings.HasSuffix(strings.TrimRight(s, " \t"), ";") })
}

// uncomment removes what makes a line a comment, including update-inetd(8)'s "#<off>#".
func uncomment(s string) string {
	s = strings.TrimLeft(s, "# \t")
	return strings.TrimLeft(strings.TrimPrefix(s, "<off>#"), "# \t")
}

// item reads what stands at the cursor: anything but a comment.
func (r *reader) item(s string, at cursor) {
	m, first := r.out.remarks, len(r.out.Problems)
	given := 0
	if m != nil {
		given, m.told, m.lines = m.given, first, false
	}
	switch {
	case startsDefinition(s):
		r.cursor = at
		r.definition()
	case !looksNative(s) && r.foreign(s, at):
	default:
		r.entry(s, at)
	}
	if m == nil || r.gathering {
		return
	}
	if m.given == given {
		r.lost(at, first)
	}
	m.gap()
}

// lost keeps the item between at and the cursor as a comment if it has errors. Without
// errors it is one that makes no entry, such as a directive.
func (r *reader) lost(at cursor, first int) {
	var errors []Problem
	for _, p := range r.out.Problems[min(first, len(r.out.Problems)):] {
		if p.Severity == Error && p.Pos.File == r.name() {
			errors = append(errors, p)
		}
	}
	if errors != nil {
		r.out.remarks.lose(errors, r.text[at.off:r.off])
	}
}

// gap ends the comment in hand, at an empty line or at either end of a file.
func (r *reader) gap() {
	if m := r.out.remarks; m != nil && !r.gathering {
		m.gap()
	}
}
