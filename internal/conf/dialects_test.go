package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDialects checks that the table of dialects, from which the manual is made, has
// only lines that are in the golden files.
func TestDialects(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile(filepath.Join(goldenDir, "dialects.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		columns := strings.Split(row, "\t")
		if len(columns) != 3 {
			t.Errorf("%q has %d columns", row, len(columns))
			continue
		}
		text, err := os.ReadFile(filepath.Join(goldenDir, columns[0]+".conf"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(oneLine(string(text)), oneLine(columns[1])) {
			t.Errorf("%s.conf has no %q", columns[0], columns[1])
		}
		if seen[columns[0]+columns[1]] {
			t.Errorf("%q stands twice", row)
		}
		seen[columns[0]+columns[1]] = true
	}
}

// oneLine returns the words of s with one blank between them.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
