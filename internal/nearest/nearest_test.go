package nearest

import (
	"slices"
	"testing"
)

func TestName(t *testing.T) {
	names := []string{"telnet", "tftp", "ftp", "stream", "dgram", "nowait", "wait", "mon", "sys", "z3950"}
	tests := []struct{ word, want string }{
		{"telent", "telnet"},
		{"TELNT", "telnet"},
		{"strem", "stream"},
		{"nowiat", "nowait"},
		{"ftpp", "ftp"},
		{"ftp", "tftp"}, // never the word itself
		{"gopher", ""},
		{"streeem", "stream"},
		{"omni", ""},  // two edits are too many in a word of four letters
		{"rsysd", ""}, // and of five
		{"tlnte", ""},
		{"tlnett", "telnet"},
		{"sysreem", ""}, // three are too many in any word
		{"x", ""},
		{"z3", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := Name(tt.word, slices.Values(names))
		if got != tt.want {
			t.Errorf("Name(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
