package access

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/golden"
)

// testdata holds files with faults, and the problems that must be found there.
const testdata = "../../testdata/access"

func TestProblems(t *testing.T) {
	t.Parallel()
	hosts := func(name string) []Problem {
		if strings.HasSuffix(name, ".allow") {
			_, problems := ParseHosts(name, read(t, name), "", nil)
			return problems
		}
		_, problems := ParseHosts("", nil, name, read(t, name))
		return problems
	}
	sec := func(name string) []Problem {
		_, problems := ParseSec(name, read(t, name))
		return problems
	}
	tests := []struct {
		name  string
		parse func(name string) []Problem
	}{
		{"faults.allow", hosts},
		{"faults.deny", hosts},
		{"faults.sec", sec},
	}
	for _, tt := range tests {
		var b strings.Builder
		for _, p := range tt.parse(tt.name) {
			fmt.Fprintf(&b, "%s:%d:%d: %s\n\t%s\n", p.File, p.Line, p.Col, p.Text, p.Hint)
		}
		golden.Compare(t, filepath.Join(testdata, tt.name+".golden"), b.String())
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
