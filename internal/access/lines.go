package access

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"

	"inetd/internal/plaintext"
)

// line is a logical line: physical lines joined where one ends in a backslash.
type line struct {
	text   string
	pieces []piece
	cutOff bool // the file ends before the line does
}

// piece is where a physical line starts in the text of a logical one.
type piece struct{ offset, number int }

// lines yields the logical lines of text except blank ones and comments, which start
// in the first column. A carriage return before a newline is dropped. The current line
// of r is the one yielded, and in the end the last of the text.
func (r *reporter) lines(text []byte) iter.Seq[line] {
	return func(yield func(line) bool) {
		for number := 1; len(text) > 0; number += len(r.line.pieces) {
			r.line, text = nextLine(text, number)
			if r.counts() && !yield(r.line) {
				return
			}
		}
	}
}

// nextLine returns the first logical line of text, whose first physical line has the
// given number, and the rest of text.
func nextLine(text []byte, number int) (line, []byte) {
	var joined []byte
	ln := line{cutOff: true}
	for ln.cutOff && len(text) > 0 {
		raw, rest, ended := bytes.Cut(text, []byte("\n"))
		body, continued := bytes.CutSuffix(raw, []byte(`\`))
		if !continued {
			body = bytes.TrimSuffix(raw, []byte("\r"))
		}
		ln.pieces = append(ln.pieces, piece{len(joined), number + len(ln.pieces)})
		joined = append(joined, body...)
		ln.cutOff, text = continued || !ended, rest
	}
	ln.text = string(joined)
	return ln, text
}

// decode returns the text of the file, or what is wrong with its bytes: then there is
// no text. It reports that, with the effect, and a byte order mark.
func (r *reporter) decode(file []byte, effect string) (text []byte, fault *plaintext.Fault) {
	whole, marked, fault := plaintext.Decode(string(file))
	if marked {
		r.problems = append(r.problems, Problem{r.file, 1, 1, "byte order mark skipped", "save the file without one"})
	}
	if fault != nil {
		r.problems = append(r.problems, Problem{r.file, fault.Line, fault.Col, fault.Text + ": " + effect, fault.Hint})
		return nil, fault
	}
	return []byte(whole), nil
}

// counts reports whether the current line is neither blank nor a comment.
func (r *reporter) counts() bool {
	ln := r.line
	if strings.HasPrefix(ln.text, "#") {
		if len(ln.pieces) > 1 {
			r.report(ln.pieces[1].offset, "belongs to the comment above it, which ends in a backslash", "no backslash there")
		}
		return false
	}
	if strings.HasSuffix(ln.text, `\`) {
		r.report(len(ln.text)-1, "carriage return after a backslash, so the line ends here", "a newline only")
	}
	return strings.Trim(ln.text, " \t\r") != ""
}

// where returns the line and column, from 1, of a byte of the text.
func (l line) where(offset int) (number, col int) {
	after := sort.Search(len(l.pieces), func(i int) bool { return l.pieces[i].offset > offset })
	p := l.pieces[max(after-1, 0)]
	return p.number, offset - p.offset + 1
}

// reporter collects the problems of a file.
type reporter struct {
	file     string
	line     line
	problems []Problem

	open, close int // offsets at which brackets were put into the line; 0: none
}

// sorted returns the problems in the order of the text.
func (r *reporter) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return r.problems
}

// report adds a problem at a byte of the current line.
func (r *reporter) report(offset int, text, hint string) {
	number, col := r.line.where(r.written(offset))
	r.problems = append(r.problems, Problem{r.file, number, col, text, hint})
}

// written returns where a byte stands in the line as it was before brackets were put in.
func (r *reporter) written(offset int) int {
	switch {
	case r.open == 0 || offset <= r.open:
		return offset
	case offset <= r.close:
		return offset - 1
	}
	return offset - 2
}

func (r *reporter) reportf(offset int, hint, format string, args ...any) {
	r.report(offset, fmt.Sprintf(format, args...), hint)
}

// fault reports f, unless it is empty.
func (r *reporter) fault(offset int, f fault) {
	if f.text != "" {
		r.report(offset, f.text, f.hint)
	}
}

// token is a word of a line and where it starts.
type token struct {
	text   string
	offset int
}

// trim returns t without blanks at both ends.
func (t token) trim() token {
	left := strings.TrimLeft(t.text, " \t\r\n")
	return token{strings.TrimRight(left, " \t\r\n"), t.offset + len(t.text) - len(left)}
}

// tokens splits field, which starts at offset, at any of the bytes of sep.
func tokens(field string, offset int, sep string) []token {
	var all []token
	for {
		start := len(field) - len(strings.TrimLeft(field, sep))
		field, offset = field[start:], offset+start
		if field == "" {
			return all
		}
		end := strings.IndexAny(field, sep)
		if end < 0 {
			end = len(field)
		}
		all = append(all, token{field[:end], offset})
		field, offset = field[end:], offset+end
	}
}
