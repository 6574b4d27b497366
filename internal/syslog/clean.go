package syslog

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineLimit keeps a line with its header inside the 8 KiB that syslog daemons
// take by default.
const lineLimit = 8000

// clean returns s as one printable line. What is not printable is written as in a Go
// string, because a line break or an escape sequence from the network could forge a
// record or drive the terminal of whoever reads the log.
func clean(s string) string {
	s = strings.TrimRight(s, "\r\n")
	if len(s) <= lineLimit && strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	const mark = "..."
	var b strings.Builder
	fits := 0 // bytes that leave room for the mark
	for len(s) > 0 && b.Len() <= lineLimit {
		r, n := utf8.DecodeRuneInString(s)
		if unprintable(r) {
			q := strconv.Quote(s[:n])
			b.WriteString(q[1 : len(q)-1])
		} else {
			b.WriteString(s[:n])
		}
		if b.Len() <= lineLimit-len(mark) {
			fits = b.Len()
		}
		s = s[n:]
	}
	if b.Len() <= lineLimit {
		return b.String()
	}
	return b.String()[:fits] + mark
}

// unprintable also holds for RuneError, which stands for a byte that is not UTF-8.
func unprintable(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r)
}
