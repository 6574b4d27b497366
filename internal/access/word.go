package access

import "strings"

// word is a pattern for a string: a daemon, a user, an address, a host name.
// tcp_wrappers ignores case everywhere, so all text here is in lower case.
type word struct {
	kind wordKind
	text string
}

type wordKind int

const (
	exact wordKind = iota
	anything
	known     // anything but "unknown"
	glob      // contains * or ?
	ending    // starts with a dot
	beginning // ends with a dot
)

func parseWord(s string) word {
	s = strings.ToLower(s)
	switch {
	case strings.ContainsAny(s, "*?"):
		return word{glob, s}
	case strings.HasPrefix(s, "."):
		return word{ending, s}
	case s == "all":
		return word{anything, s}
	case s == "known":
		return word{known, s}
	case strings.HasSuffix(s, "."):
		return word{beginning, s}
	default:
		return word{exact, s}
	}
}

func (w word) match(s string) bool {
	switch w.kind {
	case anything:
		return true
	case known:
		return s != unknown
	case glob:
		return globMatch(w.text, s)
	case ending:
		return len(s) > len(w.text) && strings.HasSuffix(s, w.text)
	case beginning:
		return strings.HasPrefix(s, w.text)
	default:
		return s == w.text
	}
}

// numeric reports whether w is for addresses only. A glob of digits is: tcp_wrappers
// would let 10.* match a host named 10.example.com, which may be anybody's.
func (w word) numeric() bool {
	if w.kind == glob && !strings.ContainsAny(w.text, "0123456789:") {
		return false
	}
	return strings.Contains(w.text, ":") || strings.Trim(w.text, "0123456789./*?") == ""
}

// globMatch reports whether s matches pattern, where * is any run of bytes and
// ? is any single one. After a mismatch only the last * has to take more.
func globMatch(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
