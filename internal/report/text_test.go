package report

import "testing"

func TestShown(t *testing.T) {
	t.Parallel()
	tests := []struct{ word, want string }{
		{"-l", "-l"}, {"", `""`}, {"a b", `"a b"`}, {`a"b`, `"a\"b"`}, {"caf\u00e9", "caf\u00e9"},
		{"\x1b[2J", `"\x1b[2J"`}, {"\xff", `"\xff"`}, {"\u202e", `"\u202e"`}, {`a\b`, `"a\\b"`},
	}
	for _, tt := range tests {
		if got := shown(tt.word); got != tt.want {
			t.Errorf("shown(%q) = %s, want %s", tt.word, got, tt.want)
		}
	}
}
