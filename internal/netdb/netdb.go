// Package netdb parses services(5), rpc(5) and protocols(5). In goes the text of
// /etc/services, /etc/rpc or /etc/protocols; out come lookups by name and alias, and
// a hint for a name that is not there. Parsing is as tolerant as the C library's: a
// line that makes no sense is skipped, and of two lines with the same name or alias
// the first wins. The package opens no files.
package netdb

import "strings"

// blanks separate fields. The carriage return is one of them, so that files
// with CR LF read the same.
const blanks = " \t\r\n\v\f"

// field cuts the first field off line. It returns "" at the end of the line.
func field(line string) (first, rest string) {
	line = strings.TrimLeft(line, blanks)
	i := strings.IndexAny(line, blanks)
	if i < 0 {
		return line, ""
	}
	return line[:i], line[i:]
}

// uncomment drops the comment that a # opens anywhere in a line.
func uncomment(line string) string {
	text, _, _ := strings.Cut(line, "#")
	return text
}
