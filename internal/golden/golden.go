// Package golden compares what a test got with a file of what it should get. In go the
// path and the text; out comes the failure of the test, as a difference. With -update the
// file is written instead: read it before you commit it. Only tests import it.
package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files and what is generated")

// Update reports whether files are to be written, for tests that make a file from parts.
func Update() bool { return *update }

// Compare fails the test if the file at path does not hold got.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", path, diff)
	}
}
