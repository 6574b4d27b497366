package conf

import (
	"fmt"
	"sort"
	"strings"
)

// line is a logical line: one physical line and those that continue it.
type line struct {
	text  string
	parts []part
	ascii bool // the text is all ASCII
}

// part is what one physical line gives to a logical one.
type part struct {
	text string
	at   cursor // its first byte in the file
	off  int    // its first byte in the logical line
}

// join makes the logical line that starts with s. A line goes on in the next
// one if it ends in a backslash (HP-UX, busybox) or the next one starts with a
// blank (BSD); comment lines in between do not count. If the line cannot be read,
// it reports the problem and returns false.
func (r *reader) join(s string, at cursor) bool {
	l := &r.logical
	l.parts = append(l.parts[:0], part{text: s, at: at})
	for r.continued() {
		at := r.cursor
		s, _ := r.next()
		if firstByte(s) != '#' {
			r.warnIndented(s, at)
			l.parts = append(l.parts, part{text: s, at: at})
		}
	}
	l.concat()
	return r.readable()
}

// continued tells whether the physical line at the cursor belongs to the
// logical line, and removes the backslash that said so. A comment in the
// first column ends every line: nobody means what follows it as arguments.
func (r *reader) continued() bool {
	last := &r.logical.parts[len(r.logical.parts)-1]
	rest := r.text[r.off:]
	indented := rest != "" && blank(rest[0])
	if !strings.HasSuffix(last.text, `\`) {
		return indented
	}
	if indented && firstByte(rest) == '#' {
		return true
	}
	last.text = last.text[:len(last.text)-1]
	if rest == "" || rest[0] == '#' {
		at := last.at
		at.off += len(last.text)
		r.report(Warning, r.pos(at), "the backslash continues nothing", "remove it, or the comment after it")
		return false
	}
	return true
}

// concat sets the text. The usual line has one part and is not copied.
func (l *line) concat() {
	if len(l.parts) == 1 {
		l.text = l.parts[0].text
		return
	}
	var b strings.Builder
	for i := range l.parts {
		l.parts[i].off = b.Len()
		b.WriteString(l.parts[i].text)
	}
	l.text = b.String()
}

// cursor returns the place in the file of byte i of the logical line.
func (l *line) cursor(i int) cursor {
	p := l.parts[0]
	if len(l.parts) > 1 {
		after := sort.Search(len(l.parts), func(k int) bool { return l.parts[k].off > i })
		p = l.parts[after-1]
	}
	p.at.off += i - p.off
	return p.at
}

func (l *line) pos(r *reader, i int) Pos { return r.pos(l.cursor(i)) }

// readable reports whether the logical line is text of a sane size.
func (r *reader) readable() bool {
	l := &r.logical
	for _, p := range l.parts {
		if len(p.text) > maxLine {
			text := fmt.Sprintf("line of %d bytes, at most %d are read", len(p.text), maxLine)
			r.report(Error, Pos{File: r.name(), Line: p.at.line}, text, "")
			return false
		}
	}
	high := byte(0)
	for i := range len(l.text) {
		c := l.text[i]
		if control(rune(c)) {
			r.badByte(l.pos(r, i), c)
			return false
		}
		high |= c
	}
	l.ascii = high < 0x80
	return true
}

// control tells whether c is a character that no column may hold. A tab separates.
func control(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func (r *reader) badByte(at Pos, c byte) {
	r.report(Error, at, fmt.Sprintf("control character %q", c), "is this a text file?")
}

// warnIndented warns of a continuation that looks like a service of its own:
// inetutils would read an indented line of columns as a service, and a definition
// in the second syntax is often pasted with leading blanks.
func (r *reader) warnIndented(s string, at cursor) {
	if !hasColumns(s) && !looksDefined(s) {
		return
	}
	at.off += indent(s)
	text := fmt.Sprintf("a line that starts with a blank continues line %d", r.logical.parts[0].at.line)
	r.report(Warning, r.pos(at), text, "if it is a service of its own, remove the blank")
}

// split cuts the logical line into its fields. If a quote is not closed, it reports
// the problem and returns false.
func (r *reader) split() bool {
	l := &r.logical
	r.fields = r.fields[:0]
	for i := 0; ; {
		i += indent(l.text[i:])
		if i == len(l.text) {
			return true
		}
		f, end := l.field(i)
		if end < 0 {
			r.report(Error, l.pos(r, i), "the quote is not closed", "")
			return false
		}
		if f.Quoted && end < len(l.text) && !blank(l.text[end]) {
			r.report(Warning, l.pos(r, end), "what follows a closing quote is a word of its own", "put a blank after the quote")
		}
		f.Pos = l.pos(r, i)
		f.Plain = !f.Quoted && l.cursor(end-1).line == f.Pos.Line
		r.fields = append(r.fields, f)
		i = end
	}
}

// field returns the field that starts at i and the offset after it, or -1 if the
// quote that it starts with is not closed. As on FreeBSD, a quote counts only at the
// start of a field, and whatever follows the closing quote is another field.
func (l *line) field(i int) (f Word, end int) {
	s := l.text[i:]
	if quote := s[0]; quote == '"' || quote == '\'' {
		n := strings.IndexByte(s[1:], quote)
		if n < 0 {
			return Word{}, -1
		}
		return Word{Text: s[1 : n+1], Quoted: true}, i + n + 2
	}
	n := wordEnd(s)
	return Word{Text: s[:n]}, i + n
}

// indent returns the number of blanks that s starts with.
func indent(s string) int {
	n := 0
	for n < len(s) && blank(s[n]) {
		n++
	}
	return n
}

// trim returns s without the blanks at its ends.
func trim(s string) string {
	s = s[indent(s):]
	for s != "" && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// wordEnd returns the length of the word that s starts with.
func wordEnd(s string) int {
	n := 0
	for n < len(s) && !blank(s[n]) {
		n++
	}
	return n
}
