package conf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// number reads a decimal number at offset off of f, or reports why not.
func (d *draft) number(f Word, off int, s string) int {
	if s == "" {
		d.errorf(f.at(off), "expected a number", "number missing in %q", f.Text)
		return 0
	}
	if !isNumber(s) {
		d.errorf(f.at(off), "expected a decimal number", "bad number %q", s)
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		d.errorf(f.at(off), "at most 2147483647", "number %s is too big", s)
	}
	return int(n)
}

// size reads the size of a buffer: a number of bytes, which k, m or g may follow.
func (d *draft) size(f Word, off int, s string) int {
	digits, unit := cutUnit(s)
	if !isNumber(digits) {
		d.errorf(f.at(off), "expected a number of bytes, such as 16384, 16k or 1m", "bad buffer size %q", s)
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n == 0 || n > maxInt32/int64(unit) {
		d.errorf(f.at(off), "1 to 2147483647 bytes are possible", "buffer size %s is out of range", s)
		return 0
	}
	return int(n) * int(unit)
}

// isNumber tells whether s is made of decimal digits.
func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isName tells whether s has only characters that names of hosts, services or users have.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if !isNumber(s[i:i+1]) && !strings.ContainsRune("-_.+", rune(c)) {
				return false
			}
		}
	}
	return s != ""
}

// suggest returns the hint for a word that is not one of words: the one that was
// probably meant, or the first few.
func suggest(word string, words []string) string {
	return cmp.Or(didYouMean(word, words), "expected "+either(words[:min(len(words), 5)]))
}

// didYouMean returns a hint with the word that was probably meant, or "" if none is near.
func didYouMean(word string, words []string) string {
	near := cmp.Or(nearest.Name(word, slices.Values(words)), completed(word, words))
	if near == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(near) + "?"
}

// completed returns the only one of words that starts with begin, or "".
func completed(begin string, words []string) (whole string) {
	for _, w := range words {
		switch {
		case begin == "" || !strings.HasPrefix(w, begin):
		case whole != "":
			return ""
		default:
			whole = w
		}
	}
	return whole
}

// either joins words as a choice: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
