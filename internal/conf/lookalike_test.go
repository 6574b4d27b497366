package conf

import (
	"strings"
	"testing"
)

// TestLookalikes: characters that only look like blanks and quotes are reported with
// their name and place, once a line.
func TestLookalikes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"no-break space", "echo\u00a0stream\u00a0tcp nowait root internal\n",
			"f:1:5: no-break space (U+00A0), which is part of the word; write a blank"},
		{"in a continued line", "7001 stream tcp nowait root /bin/cat \\\ncat\u3000-u\n",
			"f:2:4: ideographic space (U+3000), which is part of the word; write a blank"},
		{"byte order mark inside", "echo stream tcp nowait root internal\n\ufeffecho dgram udp wait root internal\n",
			"f:2:1: byte order mark (U+FEFF), which is part of the word; delete it"},
		{"zero width", "ec\u200bho stream tcp nowait root internal\n",
			"f:1:3: zero width space (U+200B), which is part of the word; delete it"},
		{"quotes", "7001 stream tcp nowait root /bin/sh sh -c “echo a”\n",
			"f:1:43: typographic quote “ (U+201C), which quotes nothing; write \" or '"},
		{"in a definition", "7001 on # “never mind”\n protocol = tcp, wait = no,\n user = ‘root’, exec = /bin/cat;\n",
			"f:3:9: typographic quote ‘ (U+2018), which quotes nothing; write \" or '"},
		{"in a comment", "# “quoted”\u00a0text\n", ""},
		{"letters", "7001 stream tcp nowait root /bin/echo echo Grüße –\n", ""},
		{"not UTF-8", "7001 stream tcp nowait root /bin/echo echo \xa0\xe2\x80\n", ""},
	}
	for _, tt := range tests {
		_, problems := Parse("f", []byte(tt.text), nil)
		var got []string
		for _, p := range problems {
			if strings.Contains(p.Text, "(U+") {
				got = append(got, p.String())
			}
		}
		if strings.Join(got, "\n") != tt.want && (len(got) != 2 || got[0] != tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
