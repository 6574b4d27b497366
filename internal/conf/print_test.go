package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDefine prints each entry of the golden files as a definition and reads
// it back.
func TestDefine(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	printed := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		entries, _ := Parse(filepath.Base(file), text, includeGolden)
		checkDefined(t, entries)
		printed += len(entries)
	}
	entries, _ := Parse("f", []byte("echo on protocol = tcp, user = -, group = wheel; time stream tcp nowait -:wheel /bin/cat\n"), nil)
	checkDefined(t, entries)
	if printed < 100 {
		t.Errorf("only %d entries", printed)
	}
}

// checkDefined prints entries as definitions, reads them back all at once and
// compares.
func checkDefined(t *testing.T, entries []Entry) {
	t.Helper()
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(Define(&e).String())
	}
	p := Parser{}
	got := p.parse("defined", []byte(b.String()))
	if diff := cmp.Diff(placeless(entries), placeless(got), alike); diff != "" {
		t.Errorf("%s%v\n-want +got:\n%s", b.String(), p.Problems, diff)
	}
}

// placeless returns entries without their places. Of their keys it keeps the
// typed values.
func placeless(entries []Entry) []Entry {
	list := make([]Entry, len(entries))
	for i, e := range entries {
		e.Pos, e.HostsAt, e.Cols, e.Dotted = Pos{}, Pos{}, [7]Pos{}, false // the other forms have no dot
		if e.Keys != nil {
			k := *e.Keys
			k.Options = nil
			e.Keys = &k
			if cmp.Equal(k, Keys{}, alike) { // it only had limits
				e.Keys = nil
			}
		}
		list[i] = e
	}
	return list
}
