package conf

import (
	"cmp"

	"inetd/internal/plaintext"
)

// Pos is a place in a file. Line and Col count from 1, Col in bytes of the
// physical line; Col 0 is the whole line.
type Pos struct {
	File      string
	Line, Col int
}

// String returns the place as compilers write it: file:line:col.
func (p Pos) String() string { return plaintext.Place(p.File, p.Line, p.Col) }

// Compare orders places by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Severity tells what a problem means for the entry it is about.
type Severity uint8

// The severities. After an Error the line is not served; a Warning is served
// otherwise than its author may expect; a Hint is only worth knowing.
const (
	Hint Severity = iota
	Warning
	Error
)

var severityWords = [...]string{"hint", "warning", "error"}

// String returns "hint", "warning" or "error".
func (s Severity) String() string { return severityWords[s] }

// Problem is one thing wrong, or worth saying, about a place in a file. Hint
// is what to do about it, or empty.
type Problem struct {
	Pos        Pos
	Severity   Severity
	Text, Hint string
}

// String returns the problem as one line: position, text, "; " and the hint.
func (p Problem) String() string { return plaintext.Complaint(p.Pos.String(), p.Text, p.Hint) }
