package plaintext

import (
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		marked           bool
		fault            string // a part of it, with its place
	}{
		{"nothing", "", "", false, ""},
		{"text", "a\r\nb", "a\r\nb", false, ""},
		{"byte order mark", "\xef\xbb\xbfa\n", "a\n", true, ""},
		{"mark alone", "\xef\xbb\xbf", "", true, ""},
		{"mark further on", "a\xef\xbb\xbf\n", "a\xef\xbb\xbf\n", false, ""},
		{"two marks", "\xef\xbb\xbf\xef\xbb\xbfa", "\xef\xbb\xbfa", true, ""},
		{"Latin-1", "caf\xe9\n", "caf\xe9\n", false, ""},
		{"little-endian", "\xff\xfea\x00", "\xff\xfea\x00", false, "1:1: the file is in UTF-16"},
		{"big-endian", "\xfe\xff\x00a", "\xfe\xff\x00a", false, "1:1: the file is in UTF-16"},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", "\xff\xfe\x00\x00a\x00\x00\x00", false, "1:1: the file is in UTF-16"},
		{"little-endian, no mark", "a\x00b\x00", "a\x00b\x00", false, "1:1: the file is in UTF-16"},
		{"big-endian, no mark", "\x00a\x00b", "\x00a\x00b", false, "1:1: the file is in UTF-16"},
		{"all NUL", "\x00\x00\x00\x00", "\x00\x00\x00\x00", false, "1:1: NUL byte"},
		{"NUL at the end", "one\ntwo\x00", "one\ntwo\x00", false, "2:4: NUL byte"},
		{"NUL after a mark", "\xef\xbb\xbfx\x00y", "x\x00y", true, "1:2: NUL byte"},
	}
	for _, tt := range tests {
		text, marked, fault := Decode(tt.file)
		got := ""
		if fault != nil {
			got = fault.Error()
		}
		if text != tt.text || marked != tt.marked || (got == "") != (tt.fault == "") || !strings.HasPrefix(got, tt.fault) {
			t.Errorf("%s: text %q, marked %v, fault %q", tt.name, text, marked, got)
		}
	}
}

// FuzzDecode: a text without a fault has no NUL, nothing but a mark is lost, and
// every fault lies in the text.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\xef\xbb\xbfa\n", "\xff\xfea\x00", "a\x00b\x00", "one\ntwo\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		text, marked, fault := Decode(file)
		if len(file)-len(text) != map[bool]int{true: len(mark)}[marked] || !strings.HasSuffix(file, text) {
			t.Errorf("text %q", text)
		}
		if fault == nil {
			if strings.IndexByte(text, 0) >= 0 {
				t.Errorf("NUL in %q", text)
			}
			return
		}
		lines := strings.Split(text, "\n")
		if fault.Line < 1 || fault.Line > len(lines) || fault.Col < 1 || fault.Col > len(lines[fault.Line-1])+1 {
			t.Errorf("fault outside of the text: %v", fault)
		}
	})
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a "b" \c é`:     `a "b" \c é`,
		"\x1b[2J\r\n":    `\x1b[2J\r\n`,
		"\x9b\u202e\xff": `\x9b\u202e\xff`,
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
