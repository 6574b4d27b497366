package conf

import (
	"strings"
	"testing"
)

// TestMissingComma: the message about a definition that lacks commas or its semicolon
// names the line that lacks one.
func TestMissingComma(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"a on protocol = tcp\n\twait = no;\n", `f:2:2: 4 values for "protocol"; is a comma missing at the end of line 1, before "wait"?`},
		{"a on protocol = tcp wait = no;\n", `f:1:21: 4 values for "protocol"; is a comma missing before "wait"?`},
		{"a on protocol = tcp wait=no;\n", `f:1:21: 2 values for "protocol"; is a comma missing before "wait"?`},
		{"a on protocol = tcp,\n\twait = no,\n\targs = a b\n\tumask = 022\n", `f:4:13: the definition does not end; write ";" behind it; is a comma missing at the end of line 3, before "umask"?`},
		{"a on protocol = tcp, wait = no\n7001 stream tcp nowait root /bin/cat\n", `f:1:31: the definition does not end; write ";" behind it`},
		{"a on protocol = tcp, args = x=1 y = 2\n", `f:1:38: the definition does not end; write ";" behind it`},
		{"a on protocol = tcp, bind = 127.0.0.1:21;\n", `f:1:29: port behind the address "127.0.0.1:21"; write the address alone, 127.0.0.1, and the port as the service, or port = 21`},
		{"a on protocol = tcp, bind = [::1]:21;\n", `f:1:29: port behind the address "[::1]:21"; write the address alone, ::1, and the port as the service, or port = 21`},
	} {
		var p Parser
		for range p.Entries(&File{Name: "f", Text: tt.text}) {
		}
		var says []string
		for _, problem := range p.Problems {
			says = append(says, problem.String())
		}
		if len(says) == 0 || says[0] != tt.want {
			t.Errorf("%s\nsays %s\nwant %s", tt.text, strings.Join(says, "\n"), tt.want)
		}
	}
}
