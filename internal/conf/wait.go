package conf

import (
	"slices"
	"strings"
)

// waitWords are the words of the fourth column, the usual ones first.
var waitWords = []string{"wait", "nowait", "listen", "swait", "balance", "SRC"}

// splitWait cuts the limits off the word: "nowait.40", "nowait/10/5".
func splitWait(s string) (word, limits string) {
	if i := strings.IndexFunc(s, func(c rune) bool { return c == '.' || c == ':' || c == '/' }); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func isWait(s string) bool {
	word, _ := splitWait(s)
	return slices.Contains(waitWords, word)
}

// wait reads the fourth column.
func (d *draft) wait(f Word) {
	d.e.Cols[ColWait] = f.Pos
	word, limits := splitWait(f.Text)
	switch word {
	case "wait", "swait":
		d.e.Wait = true
	case "listen":
		d.e.Wait, d.e.Listen = true, true
	case "nowait":
	case "SRC":
		d.e.Wait = true
		d.report(Warning, f.Pos, "SRC is read as wait", "Linux has no System Resource Controller")
	case "balance":
		d.hint(f.Pos, "balance is read as nowait", "the kernel balances")
	default:
		d.errorf(f.Pos, suggest(word, waitWords[:3]), "unknown wait word %q", word)
		return
	}
	d.limits(f, len(word), limits)
}

// limits reads ".starts" or ":starts", then FreeBSD's
// "/servers/starts per source/servers per source".
func (d *draft) limits(f Word, off int, s string) {
	l := &d.e.Limits
	if s != "" && s[0] != '/' {
		starts, _, _ := strings.Cut(s[1:], "/")
		l.Starts = d.number(f, off+1, starts)
		off, s = off+1+len(starts), s[1+len(starts):]
	}
	targets := []*int{&l.Max, &l.PerMinute, &l.PerSource}
	for s != "" {
		if len(targets) == 0 {
			d.errorf(f.at(off), "expected at most /servers/per-minute/per-source", "extra %q", s)
			return
		}
		n, _, _ := strings.Cut(s[1:], "/")
		*targets[0] = d.number(f, off+1, n)
		off, s, targets = off+1+len(n), s[1+len(n):], targets[1:]
	}
}
