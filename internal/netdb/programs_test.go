package netdb

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const programs = `
# name          number  aliases
portmapper      100000  portmap sunrpc rpcbind
rusersd         100002  rusers     # who
	walld   100008 rwall shutdown` + "\r" + `
rusers          7
negative        -1
large           4294967296
largest         4294967295
nonumber
`

func TestProgramsByName(t *testing.T) {
	t.Parallel()
	p := ParsePrograms([]byte(programs))
	tests := []struct {
		name string
		want Program // without a name: none
	}{
		{"rusersd", Program{"rusersd", 100002, []string{"rusers"}}},
		{"rusers", Program{"rusersd", 100002, []string{"rusers"}}},
		{"shutdown", Program{"walld", 100008, []string{"rwall", "shutdown"}}},
		{"largest", Program{"largest", 1<<32 - 1, []string{}}},
		{"large", Program{}},
		{"negative", Program{}},
		{"nonumber", Program{}},
		{"#", Program{}},
		{"", Program{}},
	}
	for _, tt := range tests {
		got, ok := p.ByName(tt.name)
		if ok != (tt.want.Name != "") {
			t.Errorf("ByName(%q) says %v", tt.name, ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ByName(%q) differs (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestProgramsSuggest(t *testing.T) {
	t.Parallel()
	p := ParsePrograms([]byte(programs))
	tests := []struct{ name, want string }{
		{"ruserd", "did you mean rusersd (100002)?"},
		{"rwal", "did you mean rwall (100008)?"},
		{"rusersd", ""},
		{"gopher", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := p.Suggest(tt.name); got != tt.want {
			t.Errorf("Suggest(%q) = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestClassicPrograms(t *testing.T) {
	t.Parallel()
	classic := ClassicPrograms()
	if lines := strings.Count(strings.TrimSpace(classicPrograms), "\n") + 1; len(classic.list) != lines {
		t.Errorf("%d entries in %d lines", len(classic.list), lines)
	}
	if e, _ := classic.ByName("rstat"); e.Number != 100001 {
		t.Errorf("rstat is %d, want 100001", e.Number)
	}
	text, err := os.ReadFile("/etc/rpc")
	if err != nil {
		t.Skip(err)
	}
	local := ParsePrograms(text)
	for name := range classic.names() {
		c, _ := classic.ByName(name)
		if l, ok := local.ByName(name); ok && l.Number != c.Number {
			t.Errorf("%s is %d, in /etc/rpc %d", name, c.Number, l.Number)
		}
	}
}

func TestParseProtocols(t *testing.T) {
	t.Parallel()
	got := ParseProtocols([]byte("ip\t0\tIP # pseudo\r\nicmp 1 ICMP\n#tcp 6\nmptcp 262 MPTCP\nicmp 99 other\nbad x\nworse -1\nhuge 65536\nlone"))
	want := map[string]int{"ip": 0, "IP": 0, "icmp": 1, "ICMP": 1, "mptcp": 262, "MPTCP": 262, "other": 99}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("protocols differ (-want +got):\n%s", diff)
	}
}

func FuzzPrograms(f *testing.F) {
	f.Add(programs, "rusers")
	f.Add(classicPrograms, "rusres")
	f.Add("a 1 a a#a\r\n\ta 2\x00", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		p := ParsePrograms([]byte(text))
		for _, e := range p.list {
			if strings.ContainsAny(e.Name+strings.Join(e.Aliases, ""), blanks+"#") || e.Name == "" {
				t.Errorf("bad words in %+v", e)
			}
			if first, ok := p.ByName(e.Name); !ok || first.Name != e.Name && !slices.Contains(first.Aliases, e.Name) {
				t.Errorf("ByName(%q) = %+v, %v", e.Name, first, ok)
			}
		}
		if _, found := p.ByName(name); found && p.Suggest(name) != "" {
			t.Errorf("a hint for the known name %q", name)
		}
		for word := range ParseProtocols([]byte(text)) {
			if word == "" || strings.ContainsAny(word, blanks+"#") {
				t.Errorf("bad protocol name %q", word)
			}
		}
	})
}
