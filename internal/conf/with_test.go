package conf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// withEntries are amended by the definitions of TestWith.
const withEntries = `
finger	stream	tcp	nowait.9	nobody	/bin/cat
127.0.0.1:finger	dgram	udp4	wait	nobody	/bin/cat
rusersd/1-2	dgram	rpc/udp	wait	nobody	/bin/cat
/run/x	stream	unix	nowait	nobody	/bin/cat
tcpmux/+date	stream	tcp	nowait	nobody	/bin/date
full	stream,4:dataready	tcp,sndbuf=1k,rcvbuf=1k	nowait/4/4/4	nobody	/bin/cat
both/1 on protocol = "rpc/tcp6,tcp", socktype = stream, wait = no, user = nobody, exec = /bin/cat, umask = 1;
own on protocol = tcp, wait = no, user = nobody, exec = /bin/cat, umask = 1, nice = 1;
`

// TestWith: the most specific definition wins, key by key, wherever it stands.
// "*" leaves alone what an entry itself says.
func TestWith(t *testing.T) {
	t.Parallel()
	tests := []struct{ with, label, want string }{
		{"* with umask = 2;", "finger/tcp", "umask = 2"},
		{"* with umask = 2;", "own/tcp", "nice = 1, umask = 1"},
		{"own with umask = 2;", "own/tcp", "nice = 1, umask = 2"},
		{"finger with umask = 2;", "finger/udp4", "umask = 2"},
		{"finger with umask = 2;", "own/tcp", "nice = 1, umask = 1"},
		{"finger/udp with umask = 2;", "finger/udp4", "umask = 2"},
		{"finger/udp4 with umask = 2;", "finger/udp4", "umask = 2"},
		{"finger/tcp with umask = 2; own with nice = 3;", "finger/udp4", ""},
		{"127.0.0.1:finger with umask = 2;", "finger/udp4", "umask = 2"},
		{"127.0.0.1:finger with umask = 2;", "finger/tcp", ""},
		{"*/tcp with umask = 2;", "finger/tcp", "umask = 2"},
		{"*/tcp with umask = 2;", "finger/udp4", ""},
		{"127.0.0.1:finger with umask = 2; finger/udp with umask = 3;", "finger/udp4", "umask = 2"},
		{"both/rpc/tcp6 with umask = 2, nice = 2;", "both/rpc/tcp6", "nice = 2, umask = 2"},
		{"both/rpc/tcp6 with umask = 2, nice = 2;", "both/rpc/tcp", "umask = 1"},
		{"* with sndbuf = 2k, recvbuf = 2k, acceptfilter = x, accept_max = 2, ip_max = 2, source_max = 2;", "full/tcp", ""},
		{"rusersd/rpc/udp with umask = 2;", "rusersd/rpc/udp", "umask = 2"},
		{"rusersd with umask = 2;", "rusersd/rpc/udp", "umask = 2"},
		{"/run/x with umask = 2;", "/run/x", "umask = 2"},
		{"tcpmux/date with umask = 2;", "tcpmux/date", "umask = 2"},
		{"* with umask = 2; */tcp with umask = 3; finger with umask = 4; finger/tcp with umask = 5;", "finger/tcp", "umask = 5"},
		{"finger/tcp with umask = 5; finger with umask = 4, nice = 4; * with umask = 2, nice = 2, oom_score = 2;", "finger/tcp", "nice = 4, umask = 5, oom_score = 2"},
		{"* with service_max = 5;", "finger/tcp", ""},
		{"* with service_max = 5;", "finger/udp4", "service_max = 5"},
		{"finger with service_max = 5;", "finger/tcp", "service_max = 5"},
		{"* with max_time = 1h, idle_time = 1h; finger/tcp with max_time = 0;", "finger/tcp", "max_time = 0, idle_time = 1h"},
		{"with on protocol = tcp, wait = no, user = nobody, exec = /bin/cat; with with umask = 2;", "with/tcp", "umask = 2"},
		{"finger with nice = 1; finger with nice = 2;", "finger/tcp", "nice = 2"},
	}
	for _, tt := range tests {
		for _, text := range []string{tt.with + withEntries, withEntries + tt.with} {
			p := Parser{}
			entries := p.parse("f", []byte(text))
			i := slices.IndexFunc(entries, func(e Entry) bool { return e.Label() == tt.label })
			if i < 0 {
				t.Fatalf("%s: no %s, problems %v", tt.with, tt.label, p.Problems)
			}
			if got := entries[i].Keys.String(); got != tt.want {
				t.Errorf("%s: %s has %q, want %q", text, tt.label, got, tt.want)
			}
		}
	}
}

// TestWithSpares: a definition for many entries does not put into one of them what means
// nothing there, so that nothing is wrong with the entry where it is printed.
func TestWithSpares(t *testing.T) {
	t.Parallel()
	const with = "* with accept_max = 7, acceptfilter = dataready;\n"
	for line, want := range map[string]struct {
		max   int
		waits bool
	}{
		"a stream tcp nowait root /bin/cat\n":   {7, true},
		"a stream tcp wait root /bin/cat\n":     {Unset, true},
		"a dgram udp wait root /bin/cat\n":      {Unset, false},
		"a dgram udp nowait root /bin/cat\n":    {7, false},
		"/a stream unix nowait root /bin/cat\n": {7, false},
	} {
		entries, problems := Parse("f", []byte(with+line), nil)
		if len(entries) != 1 || entries[0].Limits.Max != want.max || entries[0].Defer != want.waits || len(problems) > 0 {
			t.Errorf("%s: %+v, problems %v", line, entries, problems)
			continue
		}
		if _, problems := Parse("f", []byte(Define(&entries[0]).String()), nil); len(problems) > 0 {
			t.Errorf("%s: printed, it has the problems %v", line, problems)
		}
	}
}

// TestWithLimits: a key that a classic column may say as well sets the same field.
func TestWithLimits(t *testing.T) {
	t.Parallel()
	entries, problems := Parse("f", []byte("finger with service_max = 5, source_max = 2, sndbuf = 1k;"+withEntries), nil)
	if len(entries) == 0 || entries[0].Limits.Starts != 5 || entries[0].Limits.PerSource != 2 || entries[0].SndBuf != 1024 {
		t.Errorf("%+v, problems %v", entries, problems)
	}
	if at := entries[0].Keys.At("source_max").String(); at != "f:1:30" {
		t.Errorf("source_max was set at %s", at)
	}
}

// TestWithShares: entries amended alike share their keys in memory.
func TestWithShares(t *testing.T) {
	t.Parallel()
	p := Parser{}
	entries := p.parse("f", []byte("* with umask = 077, service_max = 4;\na\t"+cat+"b\t"+cat+"c/1-2\tstream\trpc/tcp,tcp6\twait\troot\t/bin/cat\n"))
	for _, e := range entries {
		if e.Keys != entries[0].Keys || e.Limits.Starts != 4 {
			t.Errorf("%s has keys of its own, or not all: %+v", e.Label(), e)
		}
	}
	if len(entries) != 4 {
		t.Errorf("%d entries, problems %v", len(entries), p.Problems)
	}
}

// TestWithFiles: definitions of any file count, included files too.
func TestWithFiles(t *testing.T) {
	t.Parallel()
	asked := 0
	p := Parser{Include: func(from, pattern string) ([]*File, error) {
		asked++
		return []*File{{Name: "inner", Text: "a with umask = 4;\nb\t" + cat}}, nil
	}}
	files := []File{{Name: "first", Text: "a\t" + cat + ".include x\n"}, {Name: "second", Text: "b with umask = 7;\n"}}
	for _, f := range files {
		p.Gather(&f)
	}
	got := ""
	for _, f := range files {
		for e := range p.Entries(&f) {
			got += fmt.Sprintf("%s %s %s\n", e.Label(), e.Keys, e.Keys.At("umask"))
		}
	}
	p.Unused()
	if want := "a/tcp umask = 4 inner:1:8\nb/tcp umask = 7 second:1:8\n"; got != want || asked != 1 || p.Problems != nil {
		t.Errorf("got %s asked %d times, problems %v", got, asked, p.Problems)
	}
}

func TestWithProblems(t *testing.T) {
	t.Parallel()
	line := "a\t" + cat
	tests := []struct {
		text    string
		entries int
		want    string
	}{
		{"a with umask = 9;\n" + line, 1, `f:1:16: bad value "9" for "umask"; expected octal digits up to 777`},
		{"b with umask = 9;\n" + line, 1, `f:1:16: bad value "9" for "umask"; expected octal digits up to 777`},
		{"a with umsk = 9;\n" + line, 1, `f:1:8: unknown key "umsk"; did you mean "umask"?`},
		{"a with user = root;\n" + line, 1, `f:1:8: "user" cannot be amended; write it in the entry itself`},
		{"b with umask = 7;\n" + line, 1, `f:1:1: no entry is amended by "b"; expected NAME, NAME/PROTOCOL, ADDRESS:NAME, a path or * of entries that are on`},
		{"a with umask = 7;\na/tcp with umask = 7;\na with umask = 6;\n" + line, 1, `f:3:8: umask for "a" replaces that of f:1:8; write it once`},
		{"1.2.3:a with umask = 7;\n" + line, 1, `f:1:1: "1.2.3" is not an IPv4 address; expected an address, a host name or *`},
		{"a with allow = 10.0.0;\n" + line, 0, "f:1:16: bad value \"10.0.0\" for \"allow\"; expected an address, a network such as 192.0.2.0/24, a host name, or a domain with a dot before it\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with deny = 10.0.0.1\n" + line, 0, "f:1:23: the definition does not end; write \";\" behind it\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with alow = 10.0.0.1;\n" + line, 0, "f:1:8: unknown key \"alow\"; did you mean \"allow\"?\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"* with only_from = 10.0.0.1;\n" + line, 0, "f:1:8: unknown key \"only_from\"; write allow\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with allow = 10.0.0.1, umsk = 7;\n" + line, 0, "f:1:26: unknown key \"umsk\"; did you mean \"umask\"?\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with umask = 077 deny = 10.0.0.1;\n" + line, 0, "f:1:20: 4 values for \"umask\"; is a comma missing before \"deny\"?\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with umask 077, deny = 10.0.0.1;\n" + line, 0, "f:1:14: no = after \"umask\"; expected key = value\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with cpus = 0,1;\n" + line, 1, "f:1:17: a value where a key is expected; write blanks, and no comma, between the values of one key"},
		{"a with wrap = on;\n" + line, 0, "f:1:15: bad value \"on\" for \"wrap\"; expected no or yes\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"a with proxy = haproxy;\n" + line, 0, "f:1:16: bad value \"haproxy\" for \"proxy\"; expected an address or a network, such as 192.0.2.0/24 or 2001:db8::/32\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"1.2.3:a with deny = 10.0.0.1;\n" + line, 0, "f:1:1: \"1.2.3\" is not an IPv4 address; expected an address, a host name or *\n" +
			"f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them"},
		{"b with deny = 10.0.0.0.0;\n" + line, 1, `f:1:15: bad value "10.0.0.0.0" for "deny"; expected an address, a network such as 192.0.2.0/24, a host name, or a domain with a dot before it`},
		{"b with deny = 10.0.0.1;\n" + line, 1, `f:1:1: no entry is amended by "b"; expected NAME, NAME/PROTOCOL, ADDRESS:NAME, a path or * of entries that are on`},
		{line + "  a with allow = 10.0.0.1;\n", 1, "f:2:3: a line that starts with a blank continues line 1; if it is a service of its own, remove the blank"},
		{line + "\tb on\n\t\tprotocol = tcp;\n", 1, "f:2:2: a line that starts with a blank continues line 1; if it is a service of its own, remove the blank"},
		{line + "\tlight on and off\n", 1, ""},
		{"* with allow = 10.0.0.1/8;\n" + line + line, 2, "f:1:16: 10.0.0.1/8 is the network 10.0.0.0/8; write that"},
	}
	for _, tt := range tests {
		p := Parser{}
		entries := p.parse("f", []byte(tt.text))
		var got []string
		for _, problem := range p.Problems {
			got = append(got, problem.String())
		}
		if len(entries) != tt.entries || strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: %d entries, want %d, problems\n%s\nwant\n%s", tt.text, len(entries), tt.entries, strings.Join(got, "\n"), tt.want)
		}
	}
}

// TestWithMany: thousands of definitions and networks cost no more than their
// number.
func TestWithMany(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "%d\t%s%d with umask = 7;\n", i+1, cat, i+1)
	}
	b.WriteString("* with allow =")
	for i := range 10000 {
		fmt.Fprintf(&b, " 10.%d.%d.0/24", i>>8, i&255)
	}
	b.WriteString(";\n")
	p := Parser{}
	entries := p.parse("f", []byte(b.String()))
	if len(entries) != 2000 || len(entries[1999].Keys.Allow) != 10000 || p.Problems != nil {
		t.Errorf("%d entries, problems %v", len(entries), p.Problems)
	}
}

func TestDefinitionString(t *testing.T) {
	t.Parallel()
	p := Parser{}
	def := Definition{
		Service: Word{Text: "a b"},
		State:   With,
		Options: []Option{{Key: Word{Text: "refuse"}, Values: []Word{{Text: "say \"no\",\n\x01"}}}},
	}
	want := "\"a b\" with\n\trefuse = \"say \\\"no\\\",\\n\\x01\";\n"
	if got := def.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	def = Definition{Service: Word{Text: "x", Pos: Pos{"xinetd.conf", 3, 1}}, Options: []Option{
		{Key: Word{Text: "protocol"}, Values: []Word{{Text: "tcp"}}},
		{Key: Word{Text: "umask", Pos: Pos{"xinetd.conf", 7, 2}}, Values: []Word{{Text: "9", Pos: Pos{"xinetd.conf", 7, 10}}}},
	}}
	if entries := p.Compile(def); len(entries) != 0 || len(p.Problems) != 1 || p.Problems[0].Pos.Line != 7 {
		t.Errorf("%d entries, problems %v", len(entries), p.Problems)
	}
	def.Options = def.Options[:1]
	if entries := p.Compile(def); len(entries) != 1 || !entries[0].Internal {
		t.Errorf("%d entries, problems %v", len(entries), p.Problems)
	}
}
