package xinetd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"inetd/internal/conf"
	"inetd/internal/golden"
)

// scenes returns the files with which we compare ourselves to xinetd.
func scenes(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/differ/*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no files", err)
	}
	return paths
}

// TestScenes reads the files with which we compare ourselves to xinetd: each attribute,
// each operator, each form of address, and the mistakes. Their definitions, a line for
// each, and problems are in one golden file.
func TestScenes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, path := range scenes(t) {
		name := filepath.Base(path)
		file := &conf.File{Name: name, Text: read(t, path)}
		r := Reader{Root: true, Network: oneNetwork, Include: noFiles}
		r.Read(file)
		definitions := strings.ReplaceAll(dump(&r, file), "\n\t", " ")
		b.WriteString("== " + name + "\n" + definitions)
	}
	golden.Compare(t, filepath.Join(dir, "scenes.golden"), b.String())
}

func noFiles(from, path string, directory bool) ([]*conf.File, error) { return nil, nil }

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzRead: any text is read without a crash, and its problems can be shown and have
// places in it.
func FuzzRead(f *testing.F) {
	own, _ := filepath.Glob(dir + "/*.conf")
	for _, path := range append(scenes(f), own...) {
		f.Add(read(f, path))
	}
	f.Add("service \x1e\x1e\n")
	f.Add("defaults\n{\n\tumask = 9\n\tinstances = x\n\tper_source = y\n}\nservice a\n{\n}\n")
	f.Add("service a {\ninclude x\nincludedir x y\nservice\n}\ndefaults\n{\n\x00}")
	f.Fuzz(func(t *testing.T, text string) {
		defs, problems := Parse("fuzz", []byte(text), noFiles)
		again, problemsAgain := Parse("fuzz", []byte(text), noFiles)
		if !cmp.Equal(defs, again) || !cmp.Equal(problems, problemsAgain) {
			t.Error("read again it is another")
		}
		var p conf.Parser
		for _, def := range defs {
			p.Compile(def)
		}
		lines := strings.Count(text, "\n") + 1
		for _, q := range append(problems, p.Problems...) {
			if q.Pos.Line < 1 || q.Pos.Line > lines || strings.ContainsFunc(q.String(), unicode.IsControl) {
				t.Errorf("%q: a place outside of the text, or a control character", q.String())
			}
		}
		checkFollowed(t, text, defs)
	})
}

// checkFollowed: a block after a text that ends well costs nothing before it.
func checkFollowed(t *testing.T, text string, defs []conf.Definition) {
	if strings.TrimSpace(text) == "" || !strings.HasSuffix(text, "\n}\n") {
		return
	}
	got, _ := Parse("fuzz", []byte(text+"service last\n{\n\tcolour = red\n}\n"), noFiles)
	if len(got) < len(defs) {
		t.Errorf("%d services, with one more behind them %d", len(defs), len(got))
	}
}
