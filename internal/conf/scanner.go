package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// scanner reads NetBSD's second syntax, to which line ends mean nothing:
//
//	ftp on
//		protocol = tcp4, wait = no, user = root,
//		exec = /usr/libexec/ftpd, args = ftpd "-ll";
type scanner struct {
	*reader
	over bool // the text has ended, or another entry starts
}

// startsDefinition tells whether a line opens a definition: the word after the
// service is "on", "off" or "with", none of which is a socket type.
func startsDefinition(s string) bool {
	_, rest := cutService(s)
	word, _ := cutWord(rest)
	return slices.Contains(stateWords[:], word)
}

// looksDefined tells whether a continuation line was probably meant to open a
// definition: a key or nothing follows "on", "off" or "with".
func looksDefined(s string) bool {
	if !startsDefinition(s) {
		return false
	}
	_, rest := cutService(s)
	_, rest = cutWord(rest)
	key, _ := cutWord(rest)
	key, _, _ = strings.Cut(key, "=")
	return key == "" || find(key) != nil
}

// cutService is like cutWord, for the service of a definition, which may be quoted.
func cutService(s string) (word, rest string) {
	s = s[indent(s):]
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return cutWord(s)
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return s[:i+1], s[i+1:]
		}
	}
	return s, ""
}

// IsEntry tells whether a line surely opens an entry, in either syntax.
func IsEntry(s string) bool {
	return s != "" && !blank(s[0]) && s[0] != '#' && (startsDefinition(s) || hasColumns(s))
}

// hasColumns tells whether a line has a socket type and a protocol where an
// entry has them.
func hasColumns(s string) bool {
	_, rest := cutWord(s)
	typ, rest := cutWord(rest)
	protocol, _ := cutWord(rest)
	return isType(typ) && isProtocol(protocol)
}

// cutWord returns the first word of s and what follows it.
func cutWord(s string) (word, rest string) {
	s = s[indent(s):]
	n := wordEnd(s)
	return s[:n], s[n:]
}

// rest returns the rest of the line from the cursor on, without its line end.
func (s *scanner) rest() string {
	line, _, _ := strings.Cut(s.text[s.off:], "\n")
	return strings.TrimRight(line, "\r")
}

// word returns the next word of the line at the cursor.
func (s *scanner) word() Word {
	line := s.rest()
	word, rest := cutWord(line)
	s.off += len(line) - len(rest) - len(word)
	f := Word{Text: word, Pos: s.pos(s.cursor), Plain: true}
	s.off += len(word)
	return f
}

// peek moves to the next byte outside of blanks, line ends and comments, and returns
// it. It returns 0 at the end of the text, and before a line that starts an entry:
// then the semicolon was forgotten, and only this definition is to suffer.
func (s *scanner) peek() byte {
	for !s.over {
		if s.off == len(s.text) {
			s.over = true
			break
		}
		switch c := s.text[s.off]; c {
		case ' ', '\t', '\r':
			s.off++
		case '#', '\n':
			s.next()
			s.over = IsEntry(s.rest())
		default:
			return c
		}
	}
	return 0
}

// definition reads one definition up to its semicolon. If there is none, it returns
// what it has read, and false.
func (s *scanner) definition() (def Definition, complete bool) {
	if def.Service, complete = s.service(); !complete {
		s.skip()
		return def, false
	}
	def.State = State(slices.Index(stateWords[:], s.word().Text))
	def.Options, complete = s.options()
	return def, complete
}

// service reads the service, which may be quoted.
func (s *scanner) service() (w Word, ok bool) {
	if c := firstByte(s.rest()); c != '"' && c != '\'' {
		return s.word(), true
	}
	s.peek()
	w.Pos = s.pos(s.cursor)
	text, ok := s.quoted(nil, s.text[s.off])
	w.Text = string(text)
	return w, ok
}

// options reads up to the semicolon that ends the definition. If the syntax is
// broken, it reports the problem, skips the rest up to the semicolon, and returns
// false.
func (s *scanner) options() (list []Option, ok bool) {
	for {
		switch s.peek() {
		case ';':
			s.off++
			return list, true
		case 0:
			s.unended(list)
			return list, false
		}
		o, ok := s.option()
		if !ok {
			s.skip()
			return list, false
		}
		list = append(list, o)
		if s.peek() == ',' {
			s.off++
		}
	}
}

// unended reports a definition without a semicolon, and where a comma was probably
// forgotten.
func (s *scanner) unended(list []Option) {
	hint := `write ";" behind it`
	for _, o := range list {
		if comma := missingComma(o.Values); comma != "" {
			hint += "; is a comma missing " + comma + "?"
			break
		}
	}
	s.report(Error, s.end(), "the definition does not end", hint)
}

// end returns the place where an unclosed definition stops.
func (s *scanner) end() Pos {
	if s.off > s.start || s.line == 1 {
		return s.pos(s.cursor)
	}
	before := strings.TrimRight(s.text[:s.start-1], "\r")
	return Pos{File: s.name(), Line: s.line - 1, Col: len(before) - strings.LastIndexByte(before, '\n')}
}

// option reads "key = value value", up to the comma or semicolon.
func (s *scanner) option() (o Option, ok bool) {
	o.Key = s.key()
	switch c := s.peek(); {
	case c == '=':
	case o.Key.Text == "" && (c >= '0' && c <= '9' || c == '-'):
		s.report(Error, s.pos(s.cursor), "a value where a key is expected", "write blanks, and no comma, between the values of one key")
		return o, false
	case c == '{' || c == '}':
		s.report(Error, s.pos(s.cursor), fmt.Sprintf("%q, as in a file of xinetd", c), "a definition has no braces: its keys have commas between them, and ; at the end")
		return o, false
	default:
		s.report(Error, s.pos(s.cursor), fmt.Sprintf("no = after %q", o.Key.Text), "expected key = value")
		return o, false
	}
	s.off++
	for {
		switch s.peek() {
		case ',', ';', 0:
			return o, true
		}
		v, ok := s.value()
		if !ok {
			return o, false
		}
		if n := len(o.Values); n == cap(o.Values) { // append would copy a list of 100,000 too often
			o.Values = slices.Grow(o.Values, max(n, 1))
		}
		o.Values = append(o.Values, v)
	}
}

// key reads a run of letters and underscores.
func (s *scanner) key() Word {
	start := s.cursor
	for s.off < len(s.text) && (s.text[s.off]|0x20 >= 'a' && s.text[s.off]|0x20 <= 'z' || s.text[s.off] == '_') {
		s.off++
	}
	return Word{Text: s.text[start.off:s.off], Pos: s.pos(start), Plain: true}
}

// valueEnds are the bytes that end a value outside of quotes.
const valueEnds = " \t\r\n#,;"

// special marks the quotes, and the bytes that a value can hold only inside of them.
var special = func() (is [256]bool) {
	for c := range is {
		is[c] = control(rune(c)) || strings.IndexByte(valueEnds+`"'`, byte(c)) >= 0
	}
	return is
}()

// plainRun returns how many bytes at the beginning of a text need no quotes in a value.
func plainRun(text string) int {
	for i := range len(text) {
		if special[text[i]] {
			return i
		}
	}
	return len(text)
}

// value reads one value, parts of which may be quoted.
func (s *scanner) value() (f Word, ok bool) {
	start := s.cursor
	f = Word{Pos: s.pos(start), Plain: true}
	if n := plainRun(s.text[s.off:]); s.off+n == len(s.text) || strings.IndexByte(valueEnds, s.text[s.off+n]) >= 0 {
		f.Text = strings.Clone(s.text[s.off : s.off+n]) // else the value keeps the file's text in memory
		s.off += n
		return f, true
	}
	var text []byte
	for s.off < len(s.text) && strings.IndexByte(valueEnds, s.text[s.off]) < 0 {
		c := s.text[s.off]
		switch {
		case c == '"' || c == '\'':
			f.Plain = false
			if text, ok = s.quoted(text, c); !ok {
				return f, false
			}
			continue
		case control(rune(c)):
			s.badByte(s.pos(s.cursor), c)
			return f, false
		}
		text = append(text, c)
		s.off++
	}
	f.Text = string(text)
	return f, true
}

// quoted appends to text what stands in the quotes that open at the cursor.
func (s *scanner) quoted(text []byte, quote byte) ([]byte, bool) {
	open := s.pos(s.cursor)
	for s.off++; s.off < len(s.text) && s.text[s.off] != '\n'; s.off++ {
		c := s.text[s.off]
		switch {
		case c == quote:
			s.off++
			return text, true
		case c == '\\':
			var ok bool
			if c, ok = s.escape(); !ok {
				return nil, false
			}
		case control(rune(c)) && c != '\r':
			s.badByte(s.pos(s.cursor), c)
			return nil, false
		}
		text = append(text, c)
	}
	s.report(Error, open, "the quote is not closed on its line", "")
	return nil, false
}

// escape reads the escape sequence at the cursor, and leaves the cursor on its
// last byte.
func (s *scanner) escape() (c byte, ok bool) {
	rest := s.text[s.off+1:]
	if len(rest) >= 3 && rest[0] == 'x' {
		n, err := strconv.ParseUint(rest[1:3], 16, 8)
		if err == nil && n != 0 { // no argument can hold a NUL
			s.off += 3
			return byte(n), true
		}
	}
	if rest != "" {
		if i := strings.IndexByte(`\ntr'"`, rest[0]); i >= 0 {
			s.off++
			return "\\\n\t\r'\""[i], true
		}
	}
	s.report(Error, s.pos(s.cursor), "unknown escape sequence", `expected \\, \n, \t, \r, \', \" or \xHH`)
	return 0, false
}

// skip moves past the semicolon that ends a broken definition.
func (s *scanner) skip() {
	for {
		c := s.peek()
		if c == 0 {
			return
		}
		s.off++
		if c == ';' {
			return
		}
		if c == '"' || c == '\'' {
			s.off += strings.IndexByte(s.rest(), c) + 1
		}
	}
}
