package ident

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want Options
	}{
		{nil, Options{OS: "UNIX", Timeout: 10 * time.Second}},
		{[]string{"-r", "-n", "-o", "UNKNOWN", "-t", "30"}, Options{Real: true, CannotHide: true, OS: "UNKNOWN", Timeout: 30 * time.Second}},
		{[]string{"-rgi"}, Options{Real: true, Garbage: true, UIDs: true, OS: "UNIX", Timeout: 10 * time.Second}},
		{[]string{"-rt2.5", "-dno body"}, Options{Real: true, Fallback: "no body", OS: "UNIX", Timeout: 2500 * time.Millisecond}},
		{[]string{"-gd", "-r"}, Options{Garbage: true, Fallback: "-r", OS: "UNIX", Timeout: 10 * time.Second}},
		{[]string{"-o", "WIN32-7.0", "-o", "VM/CMS"}, Options{OS: "VM/CMS", Timeout: 10 * time.Second}},
		{[]string{"-t", "3600"}, Options{OS: "UNIX", Timeout: time.Hour}},
	}
	for _, tt := range tests {
		got, err := ParseOptions(tt.args)
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.args, diff)
		}
	}
}

func TestParseOptionsErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ args, want string }{
		{"-f", `option -f is refused: no user's .fakeid is ever read`},
		{"-rF", `option -F is refused: no user's .fakeid is ever read`},
		{"-x", `unknown option "-x", want -d, -g, -i, -n, -o, -r or -t`},
		{"--", `unknown option "--", want -d, -g, -i, -n, -o, -r or -t`},
		{"-r stray", `unexpected argument "stray", want options only`},
		{"-", `unexpected argument "-", want options only`},
		{"-rd", `option -d needs a value`},
		{"-o A:B", `bad operating system "A:B" after -o, want up to 64 of A-Z a-z 0-9 . _ / -`},
		{"-o " + strings.Repeat("x", 65), `bad operating system "` + strings.Repeat("x", 65) + `" after -o, want up to 64 of A-Z a-z 0-9 . _ / -`},
		{"-da\x01b", `bad user name "a\x01b" after -d`},
		{"-t soon", `bad time-out "soon" after -t, want seconds, more than 0 and at most 3600`},
		{"-t 1m1", `bad time-out "1m1" after -t, want seconds, more than 0 and at most 3600`},
		{"-t -1", `bad time-out "-1" after -t, want seconds, more than 0 and at most 3600`},
		{"-t 0.0", `bad time-out "0.0" after -t, want seconds, more than 0 and at most 3600`},
		{"-t 1.2.3", `bad time-out "1.2.3" after -t, want seconds, more than 0 and at most 3600`},
		{"-t 3600.1", `bad time-out "3600.1" after -t, want seconds, more than 0 and at most 3600`},
	}
	for _, tt := range tests {
		if _, err := ParseOptions(strings.Fields(tt.args)); err == nil || err.Error() != tt.want {
			t.Errorf("%q: error %v, want %s", tt.args, err, tt.want)
		}
	}
	if _, err := ParseOptions([]string{"-d", ""}); err == nil {
		t.Error("an empty fallback is accepted")
	}
}
