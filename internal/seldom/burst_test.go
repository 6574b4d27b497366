package seldom

import (
	"maps"
	"testing"
)

// TestBurst: three lines of a kind are logged, Rest tells how many more there were, and
// then counting begins anew.
func TestBurst(t *testing.T) {
	t.Parallel()
	var b Burst[string]
	for range 2 {
		if b.Begun() {
			t.Error("it has begun")
		}
		got := ""
		for _, c := range "aababaaccca" {
			if b.Tell(string(c)) {
				got += string(c)
			}
		}
		if want := "aabab" + "ccc"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if !b.Begun() {
			t.Error("it has not begun")
		}
		if rest := b.Rest(); !maps.Equal(rest, map[string]int{"a": 3}) {
			t.Errorf("%v", rest)
		}
	}
}
