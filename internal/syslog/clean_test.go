package syslog

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "ftp/tcp: unknown service", "ftp/tcp: unknown service"},
		{"empty", "", ""},
		{"final newline", "text\r\n", "text"},
		{"forged record", "a\n<0>b", `a\n<0>b`},
		{"carriage return", "a\rb", `a\rb`},
		{"tab", "a\tb", `a\tb`},
		{"terminal escape", "\x1b[2J", `\x1b[2J`},
		{"nul and delete", "\x00\x7f", `\x00\x7f`},
		{"C1 control", "\u009b2J", `\u009b2J`},
		{"text direction", "\u202etxt", `\u202etxt`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"not UTF-8", "a\xff\xc3", `a\xff\xc3`},
		{"UTF-8", "d\u00e9j\u00e0 \u4e16", "d\u00e9j\u00e0 \u4e16"},
		{"replacement character", "a\ufffdb", "a\ufffdb"},
		{"quotes and backslash", `say "\n" 'x'`, `say "\n" 'x'`},
		{"at the limit", strings.Repeat("x", lineLimit), strings.Repeat("x", lineLimit)},
		{"over the limit", strings.Repeat("x", lineLimit+1), strings.Repeat("x", lineLimit-3) + "..."},
		{"escapes over the limit", strings.Repeat("\x01", lineLimit), strings.Repeat(`\x01`, (lineLimit-3)/4) + "..."},
		{"escapes at the limit", strings.Repeat("\x01", lineLimit/4), strings.Repeat(`\x01`, lineLimit/4)},
		{"rune at the cut", strings.Repeat("\u4e16", lineLimit), strings.Repeat("\u4e16", (lineLimit-3)/3) + "..."},
	} {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("%s: clean(%.40q) = %.40q (%d bytes), want %.40q (%d bytes)",
				tt.name, tt.in, got, len(got), tt.want, len(tt.want))
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\nb", "\x1b]0;x\a", "\xff\xfe", "\u009b", strings.Repeat("\u202e", 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if len(got) > lineLimit {
			t.Errorf("%d bytes", len(got))
		}
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Errorf("unprintable %U in %q", r, got)
			}
		}
		if again := clean(got); again != got {
			t.Errorf("clean of %q gives %q", got, again)
		}
	})
}
