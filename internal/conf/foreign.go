package conf

import (
	"fmt"
	"strings"
)

// foreign reports a line that belongs in another kind of file, and skips the lines
// that go with it. It returns false for any other line.
func (r *reader) foreign(s string, at cursor) bool {
	s = trim(s)
	word, rest := cutWord(s)
	second, rest := cutWord(rest)
	third, _ := cutWord(rest)
	name, _, assigned := strings.Cut(word, "=")
	switch {
	case strings.HasPrefix(s, "//") && third != "unix":
		r.report(Error, r.pos(at), `"//" begins no comment`, "write #")
	case isStanza(word, second, third) && (strings.HasSuffix(s, "{") || r.opens()):
		r.report(Error, r.pos(at), "a stanza of xinetd.conf, which is skipped", "put it into a file without lines of inetd, or write it as one")
		r.skipStanza()
	case isSection(s):
		r.report(Error, r.pos(at), "a section of a unit of systemd, which is skipped", "write its service as a line: see inetd.conf(5)")
		r.skipSection()
	case strings.HasPrefix(s, "<?xml"), strings.HasPrefix(s, "<!DOCTYPE service_bundle"), strings.HasPrefix(s, "<service_bundle"):
		r.report(Error, r.pos(at), "XML, as in a manifest of Solaris, of which nothing is read", "write its services as lines: see inetd.conf(5)")
		r.off = len(r.text)
	case inCommas(word, second, third):
		r.report(Error, r.pos(at), "commas between the columns", "write blanks")
	case strings.HasPrefix(second, "=") && find(word) != nil:
		r.report(Error, r.pos(at), fmt.Sprintf("%q is outside of a definition", word+" ="), "a definition ends at its semicolon; write commas between its keys")
	case strings.Contains(word, "://"):
		r.report(Error, r.pos(at), fmt.Sprintf("%q is a URL", word), "write a port, or ADDRESS:PORT")
	case second == "" && assigned && isName(name) && strings.ToUpper(name) == name:
		r.report(Error, r.pos(at), "a setting of /etc/default/inetd", "its place is there, or an option of inetd")
	case (second == "allow" || second == "deny") && !isProtocol(third):
		r.report(Error, r.pos(at), "a rule of HP-UX's inetd.sec", "its place is there: see inetd(8)")
	default:
		return false
	}
	return true
}

// looksNative tells whether a line starts like nearly all entries, which spares it the
// checks of foreign: files may be long.
func looksNative(s string) bool {
	word, rest := cutWord(s)
	second, rest := cutWord(rest)
	if second != "stream" && second != "dgram" {
		return false
	}
	third, _ := cutWord(rest)
	return third != "" && third != "{" && word[0] != '<' && strings.IndexByte(word, '/') < 0
}

// isStanza tells whether a line that starts with these words may begin a stanza of
// xinetd.conf.
func isStanza(word, second, third string) bool {
	switch word {
	case "service":
		return second != "" && (third == "" || third == "{")
	case "defaults":
		return second == "" || second == "{"
	}
	return false
}

// opens tells whether the next line that is not blank starts with a brace.
func (r *reader) opens() bool {
	return strings.HasPrefix(strings.TrimLeft(r.text[r.off:], " \t\r\n"), "{")
}

// skipStanza moves past the brace that closes a stanza. A line that opens an entry
// ends the stanza as well.
func (r *reader) skipStanza() {
	for {
		before := r.cursor
		s, ok := r.next()
		if !ok || firstByte(s) == '}' {
			return
		}
		if IsEntry(s) {
			r.cursor = before
			return
		}
	}
}

// isSection tells whether a line is the head of a section: "[Socket]".
func isSection(s string) bool {
	return strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && isName(s[1:len(s)-1])
}

// skipSection moves to the next section or entry.
func (r *reader) skipSection() {
	for {
		before := r.cursor
		s, ok := r.next()
		if !ok {
			return
		}
		if IsEntry(s) || isSection(trim(s)) {
			r.cursor = before
			return
		}
	}
}
