package access

import (
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16le is text as a Windows editor may save it.
func utf16le(text string) string {
	var b strings.Builder
	b.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(text)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// TestBytesAroundRules: bytes that an editor or a crash puts around or in place of rules
// let nobody in.
func TestBytesAroundRules(t *testing.T) {
	t.Parallel()
	const mark = "\xef\xbb\xbf"
	tests := []struct {
		name, allow, deny string
		let               bool
		problem           string
	}{
		{"mark before deny", "", mark + "ALL: ALL\n", false, "byte order mark"},
		{"mark before allow", mark + "ALL: ALL\n", "ALL: ALL\n", true, "byte order mark"},
		{"deny in UTF-16", "", utf16le("ALL: ALL\n"), false, "UTF-16"},
		{"allow in UTF-16", utf16le("ALL: ALL\n"), "", false, "UTF-16"},
		{"deny in UTF-16 without a mark", "", utf16le("x: y\n")[2:], false, "UTF-16"},
		{"zeroed deny", "", strings.Repeat("\x00", 10), false, "NUL byte"},
		{"zeroed allow", strings.Repeat("\x00", 10), "", false, "NUL byte"},
		{"deny zeroed at its end", "", "x: y\n" + strings.Repeat("\x00", 10), false, "NUL byte"},
		{"allowed before damage in deny", "ALL: ALL\n", "x: y\n\x00", true, "NUL byte"},
		{"allow with CR LF", "ALL: ALL \r\n", "ALL: ALL\r\n", true, ""},
		{"deny with CR LF", "", "ALL: ALL \r\n", false, ""},
		{"trailing blanks", "ALL: 10.7.0.1 \t \n", "ALL: ALL\n", true, ""},
	}
	for _, tt := range tests {
		tables, problems := ParseHosts("a", []byte(tt.allow), "d", []byte(tt.deny))
		if v := tables.Check(nobody); v.Allow != tt.let {
			t.Errorf("%s: %+v", tt.name, v)
		}
		if tt.problem == "" && len(problems) > 0 || tt.problem != "" && (len(problems) == 0 || !strings.Contains(problems[0].Text, tt.problem)) {
			t.Errorf("%s: problems are %+v", tt.name, problems)
		}
	}
}

// TestBytesAroundSec is the same for inetd.sec.
func TestBytesAroundSec(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"mark":   "\xef\xbb\xbfftp deny *\n",
		"UTF-16": utf16le("ftp deny *\n"),
		"zeroed": strings.Repeat("\x00", 10),
		"CR LF":  "ftp deny * \r\n",
	} {
		sec, problems := ParseSec("s", []byte(text))
		q := nobody
		q.Service = "ftp"
		if v := sec.Check(q); v.Allow || v.File != "s" {
			t.Errorf("%s: %+v", name, v)
		}
		if (len(problems) > 0) != (name != "CR LF") {
			t.Errorf("%s: problems are %+v", name, problems)
		}
	}
}

// TestBytesAroundPatterns is the same for a file of patterns.
func TestBytesAroundPatterns(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"mark":   "\xef\xbb\xbf10.7.0.1\n",
		"UTF-16": utf16le("10.7.0.1\n"),
		"zeroed": strings.Repeat("\x00", 10),
	} {
		tables, _ := ParseHosts("a", nil, "d", []byte("ALL: /list\n"))
		tables.ReadFile = func(string) ([]byte, error) { return []byte(text), nil }
		if v := tables.Check(nobody); v.Allow {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
