package conf

import (
	"fmt"
	"slices"
	"strings"
)

// lookalikes are characters that an editor or a web page puts in place of blanks
// and quotes, with their names unless they are quotes. To inetd they are letters.
var lookalikes = map[rune]string{
	'\u00a0': "no-break space", '\u1680': "ogham space mark", '\u2002': "en space", '\u2003': "em space",
	'\u2007': "figure space", '\u2009': "thin space", '\u200a': "hair space", '\u202f': "narrow no-break space",
	'\u205f': "mathematical space", '\u3000': "ideographic space",
	'\u200b': "zero width space", '\u2060': "word joiner", '\ufeff': "byte order mark",
	'“': "", '”': "", '„': "", '‟': "", '‘': "", '’': "", '‚': "", '«': "", '»': "",
}

// lookalike warns of one of these characters.
func (r *reader) lookalike(c rune, at Pos) {
	name := lookalikes[c]
	switch {
	case name == "":
		r.report(Warning, at, fmt.Sprintf("typographic quote %c (%U), which quotes nothing", c, c), `write " or '`)
	case strings.ContainsRune("\u200b\u2060\ufeff", c): // it is invisible
		r.report(Warning, at, fmt.Sprintf("%s (%U), which is part of the word", name, c), "delete it")
	default:
		r.report(Warning, at, fmt.Sprintf("%s (%U), which is part of the word", name, c), "write a blank")
	}
}

// eachLookalike calls f for the first occurrence of each lookalike in a text.
func eachLookalike(text string, f func(i int, c rune)) {
	var seen []rune
	for i, c := range text {
		if c < 0x80 || slices.Contains(seen, c) {
			continue
		}
		if _, ok := lookalikes[c]; ok {
			seen = append(seen, c)
			f(i, c)
		}
	}
}

// lookalikesOfLine warns of those in the logical line in hand.
func (r *reader) lookalikesOfLine() {
	eachLookalike(r.logical.text, func(i int, c rune) {
		r.lookalike(c, r.logical.pos(r, i))
	})
}

// lookalikesSince warns of those in the definition from start to the cursor. Comments
// may hold anything.
func (r *reader) lookalikesSince(start cursor) {
	at := start
	for line := range strings.Lines(r.text[start.off:r.off]) {
		text, _, _ := strings.Cut(line, "#")
		eachLookalike(text, func(i int, c rune) {
			r.lookalike(c, r.pos(cursor{at.off + i, at.line, at.start}))
		})
		at.off += len(line)
		at.line, at.start = at.line+1, at.off
	}
}
