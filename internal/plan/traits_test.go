package plan

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTraits: each row is about a key that there is, and no key has two.
func TestTraits(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range traits {
		if seen[row.key] {
			t.Errorf("%s has two rows", row.key)
		}
		seen[row.key] = true
		path := write(t, filepath.Join(t.TempDir(), "f"), "7001 stream tcp4 nowait - internal echo\n7001 with "+row.key+" = ?;\n")
		for _, p := range Load(&Config{Files: []string{path}, Explicit: true}, &Host{Clone: true}).Problems {
			if strings.Contains(p.Text, "unknown key") {
				t.Error(p)
			}
		}
	}
}
