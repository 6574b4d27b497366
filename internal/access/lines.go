package access

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// line is a logical line: physical lines joined where one ends in a backslash.
type line struct {
	text   string
	pieces []piece
	cr     bool // a carriage return follows a backslash at the end of a piece
	cutOff bool // the file ends before the line does
}

// piece is where a physical line starts in the text of a logical one.
type piece struct{ offset, number int }

// splitLines returns the logical lines of text without blank ones and
// comments, which start in the first column.
func (r *reporter) splitLines(text []byte) []line {
	var all []line
	var cur line
	for number := 1; len(text) > 0; number++ {
		raw, rest, ended := bytes.Cut(text, []byte("\n"))
		text = rest
		s, cr := strings.CutSuffix(string(raw), "\r")
		body, continued := strings.CutSuffix(s, `\`)
		cur.pieces = append(cur.pieces, piece{len(cur.text), number})
		cur.text += body
		cur.cutOff = !ended
		cur.cr = cur.cr || continued && cr
		if continued && len(text) > 0 {
			continue
		}
		if r.counts(cur) {
			all = append(all, cur)
		}
		cur = line{}
	}
	return all
}

// counts reports whether ln is neither blank nor a comment.
func (r *reporter) counts(ln line) bool {
	comment := strings.HasPrefix(ln.text, "#")
	if comment && len(ln.pieces) > 1 {
		r.line = ln
		r.report(ln.pieces[1].offset, "belongs to the comment above it, which ends in a backslash", "")
	}
	return !comment && strings.Trim(ln.text, " \t\r") != ""
}

// where returns the line and column, from 1, of a byte of the text.
func (l line) where(offset int) (number, col int) {
	p := l.pieces[0]
	for _, next := range l.pieces[1:] {
		if next.offset > offset {
			break
		}
		p = next
	}
	return p.number, offset - p.offset + 1
}

// reporter collects the problems of a file.
type reporter struct {
	file     string
	line     line
	problems []Problem
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
	number, col := r.line.where(offset)
	r.problems = append(r.problems, Problem{r.file, number, col, text, hint})
}

func (r *reporter) reportf(offset int, hint, format string, args ...any) {
	r.report(offset, fmt.Sprintf(format, args...), hint)
}

// fault reports f, if it is one.
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
