package conf

import "strconv"

// Pos is a place in a file. Line and Col count from 1, Col in bytes of the
// physical line; Col 0 is the whole line.
type Pos struct {
	File      string
	Line, Col int
}

// String returns the place as compilers write it: file:line:col.
func (p Pos) String() string {
	s := p.File + ":" + strconv.Itoa(p.Line)
	if p.Col > 0 {
		s += ":" + strconv.Itoa(p.Col)
	}
	return s
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
func (p Problem) String() string {
	s := p.Pos.String() + ": " + p.Text
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}
