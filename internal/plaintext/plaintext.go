// Package plaintext decodes the files that people write. In go the bytes of a file;
// out comes the text, as every parser of this program gets it, or the place where
// the bytes stop being text. It opens no files.
//
// A byte order mark is dropped, since it would become part of the first word: the
// first rule of hosts.deny would not count. UTF-16 and NUL bytes are faults. A
// carriage return before a newline is left in the text: each parser ignores it.
//
// Visible makes any text fit for a terminal. Place, Complaint and Count word messages
// the same everywhere.
package plaintext

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fault tells why bytes are not text.
type Fault struct {
	Line, Col  int // of the first byte that is not text, from 1
	Text, Hint string
	Encoded    bool // it is text, but in UTF-16: nothing of it can be read
}

// Error returns "LINE:COL: TEXT; HINT".
func (f *Fault) Error() string {
	return fmt.Sprintf("%d:%d: %s; %s", f.Line, f.Col, f.Text, f.Hint)
}

const mark = "\xef\xbb\xbf" // of UTF-8, as Windows editors write it

// Decode returns the bytes of a file without a byte order mark, and whether
// there was one. If there is a fault, the text is good only up to its place.
func Decode(file string) (text string, marked bool, fault *Fault) {
	text, marked = strings.CutPrefix(file, mark)
	nul := strings.IndexByte(text, 0)
	switch {
	case isUTF16(text):
		return text, marked, &Fault{Line: 1, Col: 1, Encoded: true,
			Text: "the file is in UTF-16, nothing in it is read", Hint: "save it as plain text or UTF-8"}
	case nul >= 0:
		before := text[:nul]
		return text, marked, &Fault{
			Line: strings.Count(before, "\n") + 1,
			Col:  nul - strings.LastIndexByte(before, '\n'),
			Text: "NUL byte, so the file is damaged", Hint: "restore it: a crash or a full disk leaves such bytes",
		}
	}
	return text, marked, nil
}

// isUTF16 recognizes the two byte order marks of UTF-16, and UTF-16 without one:
// in each of its first two characters the same byte is NUL.
func isUTF16(b string) bool {
	if strings.HasPrefix(b, "\xff\xfe") || strings.HasPrefix(b, "\xfe\xff") {
		return true
	}
	if len(b) < 4 {
		return false
	}
	little := b[0] != 0 && b[1] == 0 && b[2] != 0 && b[3] == 0
	big := b[0] == 0 && b[1] != 0 && b[2] == 0 && b[3] != 0
	return little || big
}

// Visible returns a text with Go's escape sequences for characters that cannot be seen,
// so that nothing in it can act on a terminal.
func Visible(s string) string {
	if !strings.ContainsFunc(s, unseen) {
		return s
	}
	q := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(q[1 : len(q)-1])
}

// unseen reports whether a character cannot be seen as it is.
func unseen(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }
