package xinetd

import (
	"strings"
	"testing"

	"inetd/internal/conf"
)

// printed returns entries as definitions, with the comments after the last one.
func printed(p *conf.Parser, entries []conf.Entry) string {
	var b strings.Builder
	for i := range entries {
		b.WriteString("\n" + conf.Define(&entries[i]).String())
	}
	b.WriteString("\n" + strings.Join(p.Remarks(), "\n") + "\n")
	return b.String()
}

// FuzzConvert: any file, printed in the second syntax and read again, gives the same
// entries with the same comments.
func FuzzConvert(f *testing.F) {
	for _, path := range append(scenes(f), dir+"/first.conf") {
		f.Add(read(f, path))
	}
	f.Fuzz(func(t *testing.T, text string) {
		defs, _ := Parse("fuzz", []byte(text), nil)
		var p, q conf.Parser
		p.KeepRemarks()
		q.KeepRemarks()
		var entries, again []conf.Entry
		broken := false
		for _, def := range defs {
			list := p.Compile(def)
			entries = append(entries, list...)
			broken = broken || len(list) == 0
		}
		out := printed(&p, entries)
		for e := range q.Entries(&conf.File{Name: "printed", Text: out}) {
			again = append(again, *e)
		}
		if len(again) != len(entries) {
			t.Fatalf("%d entries became %d in\n%s%v", len(entries), len(again), out, q.Problems)
		}
		if back := printed(&q, again); back != out && !broken {
			t.Errorf("printed as\n%s\nand that as\n%s", out, back)
		}
	})
}

// TestComments: a definition has the lines right above its service, and its problems.
func TestComments(t *testing.T) {
	t.Parallel()
	block := "service a\n{\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n"
	text := "# of the file\n\n# one\n  # two\n" + block + "\tmdns = yes\n}\n# apart\n\n" + block + "\tmax_load = 2\n}\ndefaults\n{\n\tdisabled = b\n}\n# three\n" +
		strings.Replace(block, "a", "b", 1) + "\tmdns = yes\n}\n"
	defs, _ := Parse("f", []byte(text), nil)
	if len(defs) != 3 {
		t.Fatalf("%d definitions", len(defs))
	}
	for i, want := range []struct {
		comments string
		state    conf.State
		problems int
		broken   bool
	}{{"# one|  # two", conf.On, 1, false}, {"", conf.On, 1, true}, {"# three", conf.Off, 1, false}} {
		def := defs[i]
		if strings.Join(def.Comments, "|") != want.comments || def.State != want.state || len(def.Problems) != want.problems || def.Broken != want.broken {
			t.Errorf("definition %d: %+v, want %+v", i, def, want)
		}
	}
}
