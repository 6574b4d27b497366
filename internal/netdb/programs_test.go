package netdb

import (
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
	p := ParsePrograms(programs)
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
	p := ParsePrograms(programs)
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

func TestParseProtocols(t *testing.T) {
	t.Parallel()
	got := ParseProtocols("ip\t0\tIP # pseudo\r\nicmp 1 ICMP\n#tcp 6\nmptcp 262 MPTCP\nicmp 99 other\nbad x\nworse -1\nhuge 65536\nlone")
	want := map[string]int{"ip": 0, "IP": 0, "icmp": 1, "ICMP": 1, "mptcp": 262, "MPTCP": 262, "other": 99}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("protocols differ (-want +got):\n%s", diff)
	}
}
