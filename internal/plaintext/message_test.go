package plaintext

import "testing"

func TestComplaint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file      string
		line, col int
		hint      string
		want      string
	}{
		{"f", 2, 3, "write b", "f:2:3: a; write b"},
		{"f", 2, 0, "", "f:2: a"},
		{"f", 0, 0, "", "f: a"},
		{"", 0, 0, "write b", "a; write b"},
	} {
		if got := Complaint(Place(tt.file, tt.line, tt.col), "a", tt.hint); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 entries", 1: "1 entry", 5000: "5000 entries"} {
		if got := Count(n, "entry", "entries"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
