package plan

import (
	"testing"

	"inetd/internal/conf"
	"inetd/internal/netdb"
)

func TestProgram(t *testing.T) {
	t.Parallel()
	tests := []struct {
		service string
		number  uint32
		problem string
	}{
		{"100002", 100002, ""},
		{"4294967295", 4294967295, ""},
		{"0", 0, "error: RPC program 0 cannot be registered; expected a name or a number from 1"},
		{"lights", 300001, ""},
		{"lamps", 300001, ""},
		{"from-nis", 300002, ""},
		{"rusersd", 100002, "hint: no rpc file names it; program 100002 is its classic number"},
		{"lihgts", 0, "error: unknown rpc service; did you mean lights (300001)?"},
		{"ruserd", 0, "error: unknown rpc service; did you mean rusersd (100002)?"},
		{"zzzzzzzzzz", 0, "error: unknown rpc service; a program number works too"},
		{"-a", 0, "error: unknown rpc service; a program number works too"},
	}
	for _, tt := range tests {
		l := newLoader(&Config{}, &Host{Getent: func(database, key string) (string, bool, error) {
			return "from-nis  300002\n", database == "rpc" && key == "from-nis", nil
		}}, false)
		l.programs = netdb.ParsePrograms("lights 300001 lamps\n")
		p, ok := l.program(&conf.Entry{Pos: conf.Pos{File: "f", Line: 1, Col: 1}, Kind: conf.RPC, Service: tt.service, Word: "rpc/udp"})
		problem := ""
		for _, pr := range l.plan.Problems {
			problem = pr.Severity.String() + ": " + pr.Text
			if pr.Hint != "" {
				problem += "; " + pr.Hint
			}
		}
		if ok != (tt.number > 0) || p.program != tt.number || problem != tt.problem {
			t.Errorf("%s: %d %v %q, want %d %q", tt.service, p.program, ok, problem, tt.number, tt.problem)
		}
	}
}
