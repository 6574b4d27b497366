package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/plan"
)

// TestCheckKnowsRules: a check covers the files of access rules.
func TestCheckKnowsRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := plan.Config{
		Files: []string{file("inetd.conf", "127.0.0.1:7 stream tcp nowait - internal echo\n")}, Explicit: true, Services: file("services", ""),
		Wrap: true, AllowFile: filepath.Join(dir, "allow"), DenyFile: file("deny", "ALL\n"), SecFile: file("sec", "x dney\n"),
	}
	var b strings.Builder
	if n := Check(&c, &b, false); n != 0 {
		t.Errorf("%d errors", n)
	}
	for _, want := range []string{"/deny:1:1: warning: no \":\"", "/sec:1: hint: in force", "/sec:1:3: warning: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, &b)
		}
	}
}
