package xinetd

import (
	"slices"
	"strings"

	"inetd/internal/conf"
)

// lines reads a text line by line. Lines do not continue: a backslash at the end
// is a word like others. Quotes mean nothing. To xinetd case does not matter in words
// of its own, so such a word at the beginning of a line is turned into lower case.
type lines struct {
	file  string
	text  string
	off   int      // of the next line
	num   int      // of the line that was read last
	above []string // the comment right above that
}

// line is a line that is not empty and no comment.
type line struct {
	text  string
	words []conf.Word // at least one
}

// next returns the next line with words.
func (l *lines) next() (line, bool) {
	l.above = nil
	for l.off < len(l.text) {
		s, _, _ := strings.Cut(l.text[l.off:], "\n")
		l.off += len(s) + 1
		l.num++
		s = strings.TrimSuffix(s, "\r")
		switch w := l.split(s); {
		case len(w) == 0:
			l.above = nil
		case w[0].Text[0] == '#':
			l.above = append(l.above, s)
		default:
			return line{s, w}, true
		}
	}
	return line{}, false
}

// split cuts a line into words.
func (l *lines) split(s string) (list []conf.Word) {
	for i := 0; i < len(s); {
		if blank(s[i]) {
			i++
			continue
		}
		n := i
		for n < len(s) && !blank(s[n]) {
			n++
		}
		list = append(list, conf.Word{Text: s[i:n], Pos: conf.Pos{File: l.file, Line: l.num, Col: i + 1}, Plain: true})
		i = n
	}
	if len(list) > 0 {
		list[0].Text = own(list[0].Text)
	}
	return list
}

// own returns a word in lower case if it is one of xinetd's own, else as it is.
func own(word string) string {
	low := lower(word)
	if attributes[low] != nil || slices.Contains(keywords, low) {
		return low
	}
	return word
}

// alike reports whether two words are the same to xinetd.
func alike(a, b string) bool { return lower(a) == lower(b) }

// lower returns a word in lower case. It changes ASCII letters only, as strcasecmp(3)
// does, by which xinetd compares words: in Unicode the Kelvin sign is a capital k.
func lower(word string) string {
	b := []byte(word)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// keywords begin the lines that are not attributes.
var keywords = []string{"service", "defaults", "include", "includedir"}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// back makes next return its last line once more.
func (l *lines) back() {
	end := min(l.off-1, len(l.text))
	l.off = strings.LastIndexByte(l.text[:end], '\n') + 1
	l.num--
}

// opens reports whether the next line begins with a brace.
func (l *lines) opens() bool {
	ahead := *l
	next, ok := ahead.next()
	return ok && strings.HasPrefix(next.words[0].Text, "{")
}

func last(w []conf.Word) string { return w[len(w)-1].Text }

// isHead reports whether words may begin a block. Words after the name are ignored.
func isHead(w []conf.Word) bool {
	return w[0].Text == "service" && len(w) > 1 || w[0].Text == "defaults"
}

// isDirective reports whether words name files to be read.
func isDirective(w []conf.Word) bool {
	return (w[0].Text == "include" || w[0].Text == "includedir") && len(w) > 1 && w[1].Text != "=" && (len(w) == 2 || !conf.IsEntry(join(w)))
}

func join(w []conf.Word) string {
	list := make([]string, len(w))
	for i := range w {
		list[i] = w[i].Text
	}
	return strings.Join(list, " ")
}
