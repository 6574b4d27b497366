package conf

import (
	"strings"
	"testing"
)

// TestNewcomers: people who know another program are told what to write here. The line
// after a mistake is served.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	const on = "8080 on protocol = tcp, wait = no, user = nobody, exec = /bin/cat"
	for _, tt := range []struct{ line, want string }{
		{"8080/tcp stream tcp nowait nobody /bin/cat", `1:1: error: slash in the service name "8080/tcp"; write 8080: the protocol has a column of its own`},
		{"80/2 stream tcp nowait nobody /bin/cat", `1:1: error: slash in the service name "80/2"; only tcpmux/NAME and the versions of RPC programs are written so`},
		{"ftp, stream, tcp, nowait, root, /bin/cat", "1:1: error: commas between the columns; write blanks"},
		{"http://0.0.0.0:8080 stream tcp nowait nobody /bin/cat", `1:1: error: "http://0.0.0.0:8080" is a URL; write a port, or ADDRESS:PORT`},
		{"127.0.0.1 8080 stream tcp nowait nobody /bin/cat", "1:1: error: the address and the port stand in two columns; write 127.0.0.1:8080 stream tcp nowait nobody /bin/cat"},
		{"::1 8080 stream tcp nowait nobody /bin/cat", "1:1: error: the address and the port stand in two columns; write [::1]:8080 stream tcp nowait nobody /bin/cat"},
		{"x 8080 stream tcp nowait nobody /bin/cat", `1:3: error: a column too many: "8080" before the socket type; write x stream tcp nowait nobody /bin/cat`},
		{"8080-8090 stream tcp nowait nobody /bin/cat", `1:1: error: several ports in "8080-8090"; write a line for each`},
		{"8080,8081 stream tcp nowait nobody /bin/cat", `1:1: error: several ports in "8080,8081"; write a line for each`},
		{"8080 stream tcp nowait nobody /bin/cat | wc -l", `1:40: hint: "|" passed on as an argument; no shell reads the line: write /bin/sh and sh -c 'COMMAND'`},
		{"8080 stream tcp nowait nobody /bin/cat cat 2>/tmp/log", `1:44: hint: "2>/tmp/log" passed on as an argument; no shell reads the line: write /bin/sh and sh -c 'COMMAND'`},
		{"8080 stream tcp nowait nobody /bin/echo echo a&b >x <&> 2", ""},
		{"8080 stream tcp nowait nobody /bin/sh sh -c 'date | wc'", `1:45: hint: quotes around "date | wc" removed; Debian and OpenBSD would pass them on`},
		{on + ", max_time = 5 minutes;", `1:81: error: 2 values for "max_time"; write 5m`},
		{on + ", max_time = five minutes;", `1:84: error: 2 values for "max_time"; expected a comma or a semicolon`},
		{on + " -u -n;", `1:67: error: 3 values for "exec"; write args = cat -u -n for its arguments`},
		{on + " args = cat -u;", `1:67: error: 5 values for "exec"; is a comma missing before "args"?`},
		{on + ", server = /bin/cat;", `1:68: error: unknown key "server"; write exec`},
		{on + ", only_from = 10.0.0.0/8;", `1:68: error: unknown key "only_from"; write allow`},
		{on + ", colour = red;", `1:68: error: unknown key "colour"; inetd.conf(5) has the list`},
		{"8080 on { protocol = tcp, exec = internal echo; }", "1:9: error: '{', as in a file of xinetd; a definition has no braces: its keys have commas between them, and ; at the end"},
		{on + "; max_time = 5s;", `1:67: error: "max_time =" is outside of a definition; a definition ends at its semicolon; write commas between its keys`},
	} {
		entries, problems := Parse("f", []byte(tt.line+"\n8081 stream tcp nowait nobody /bin/cat\n"), nil)
		got := ""
		if len(problems) > 0 {
			p := problems[0]
			got = strings.TrimPrefix(p.Pos.String(), "f:") + ": " + p.Severity.String() + ": " + p.Text
			if p.Hint != "" {
				got += "; " + p.Hint
			}
		}
		if got != tt.want {
			t.Errorf("%s\nsays %s\nwant %s", tt.line, got, tt.want)
		}
		if n := len(entries); n == 0 || entries[n-1].Service != "8081" {
			t.Errorf("%s: the next line is lost", tt.line)
		}
	}
}

// TestForShell: what stands between commands, and redirections, are for a shell. Words in
// quotes, or that only contain such signs, are not.
func TestForShell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"|": true, "||": true, "&": true, "&&": true, ";": true, ">": true, ">>": true, "<": true,
		">/x": true, ">>/x": true, "2>/x": true, "&>/x": true, "2>&1": true, "0<&3": true, "<&3": true,
		"": false, "|x": false, "a&b": false, ">x": false, ">>>": false, "<<": false, "<&>": false, "2>&": false, "2>&12": false,
		"22>/x": false, "x>/y": false, "&&>/x": false, "<html>": false, "a>": false, "3": false,
	} {
		if got := forShell(Word{Text: text}); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if forShell(Word{Text: text, Quoted: true}) {
			t.Errorf("%q in quotes is for a shell", text)
		}
	}
}
