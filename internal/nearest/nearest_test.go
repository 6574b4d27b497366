package nearest

import (
	"slices"
	"testing"
)

func TestName(t *testing.T) {
	names := []string{"telnet", "tftp", "ftp", "stream", "dgram", "nowait", "wait"}
	tests := []struct{ word, want string }{
		{"telent", "telnet"},
		{"TELNT", "telnet"},
		{"strem", "stream"},
		{"nowiat", "nowait"},
		{"ftpp", "ftp"},
		{"ftp", "tftp"}, // never the word itself
		{"gopher", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got := Name(tt.word, slices.Values(names))
		if got != tt.want {
			t.Errorf("Name(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
