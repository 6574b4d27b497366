// Package nearest finds the known name that a mistyped one was probably meant
// to be. In goes a word and the names that would have been right; out comes
// one of them, or "".
package nearest

import (
	"iter"
	"strings"
)

// Name returns the candidate closest to word, ignoring case, or "" when none
// is close enough to be worth suggesting. One edit is an inserted, missing,
// wrong or swapped pair of letters; two are possible in a word of more than
// five letters, and none in one of less than three. Among equally close
// candidates the first wins.
func Name(word string, candidates iter.Seq[string]) string {
	w := strings.ToLower(word)
	best, limit := "", 0
	switch n := len(w); {
	case n > 5:
		limit = 2
	case n > 2:
		limit = 1
	}
	for c := range candidates {
		if d := distance(w, strings.ToLower(c), limit); d <= limit && c != word {
			best, limit = c, d-1
		}
	}
	return best
}

// distance returns the optimal string alignment distance of a and b in bytes, or
// limit+1 if their lengths alone differ by more than limit.
func distance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}

func abs(n int) int {
	return max(n, -n)
}
