package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAttacks: every scene that make check-attack runs is a test that exists.
func TestAttacks(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../../testdata/attacks")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) < 4 {
			t.Errorf("no package, test and scene: %s", line)
			continue
		}
		if name, script := strings.CutPrefix(f[2], "TestScripts/"); script {
			if _, err := os.Stat("../../testdata/script/" + name + ".txtar"); err != nil {
				t.Error(err)
			}
			continue
		}
		if err := exists(filepath.Join("../..", f[1]), f[2]); err != nil {
			t.Error(err)
		}
	}
}
