package seldom

import (
	"fmt"
	"testing"
)

// TestLines: the first line is logged, then Rest tells the number of further lines until
// there are none.
func TestLines(t *testing.T) {
	t.Parallel()
	var l Lines[string]
	got := ""
	for _, c := range "aaba.ba..a.,,b,a.a!a." {
		switch c {
		case '!':
			l.Forget("a")
		case '.':
			got += fmt.Sprint(l.Rest("a"))
		case ',':
			got += fmt.Sprint(l.Rest("b"))
		default:
			if l.Tell(string(c)) {
				got += string(c)
			}
		}
	}
	if want := "ab210a010b0a0aa0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
