package xinetd

import (
	"os"
	"regexp"
	"testing"
)

// TestIs: what a file holds tells whether it is one of xinetd.
func TestIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                  false,
		"# service a\n# {\n":                false,
		"service a\n{\n}\n":                 true,
		"\xef\xbb\xbf\n # x\n\tservice a {": true,
		"defaults\n# x\n\n{":                true,
		"includedir /etc/xinetd.d\n":        true,
		"include a\n":                       true,
		"service off\n{\n}\n":               true,
		"Service a # x\n{\n}\n":             true,
		"DEFAULTS\n{\n}\n":                  true,
		"service on\n protocol = tcp;\n":    false,
		"service a\n":                       false,
		"stray\nservice a\n{\n}\n":          true,
		"a stream tcp nowait root /bin/cat\nservice a\n{\n}\n": false,
		"include stream tcp nowait root /bin/cat\n":            false,
		".include x\n": false,
	} {
		if Is(text) != want {
			t.Errorf("Is(%q) is not %t", text, want)
		}
	}
}

// TestManual: the page of dialects says what each attribute turns into.
func TestManual(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../cmd/inetd/inetd.dialects.7")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		if !regexp.MustCompile(`(?m)^\.It Li (.* , )?` + r.name + `( [,=] .*)?\n[^.].*$`).Match(page) {
			t.Errorf("inetd.dialects(7) does not say what %s becomes", r.name)
		}
	}
}
