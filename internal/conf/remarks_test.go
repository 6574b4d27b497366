package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// converted parses a text, and prints it in the second syntax.
func converted(text []byte, include Include) (out string, entries []Entry, problems []Problem) {
	p := Parser{Include: include}
	p.KeepRemarks()
	entries = p.parse("f", text)
	var b strings.Builder
	for i := range entries {
		b.WriteString(Define(&entries[i]).String())
	}
	for _, line := range p.Remarks() {
		b.WriteString(line + "\n")
	}
	return b.String(), entries, p.Problems
}

func TestRemarks(t *testing.T) {
	t.Parallel()
	on := func(name string) string {
		return name + " on\n\tprotocol = tcp,\n\twait = no,\n\tuser = root,\n\texec = /bin/cat,\n\targs = cat;\n"
	}
	transport := func(name string) string {
		return "a/1 on\n\tprotocol = rpc/" + name + ",\n\twait = yes,\n\tuser = root,\n\texec = /bin/cat,\n\targs = cat,\n\tipsec = x;\n"
	}
	off := strings.Replace(on("a"), " on", " off", 1)
	tests := []struct{ name, text, want string }{
		{"comment above", "# one\n#two\na " + cat, "# one\n#two\n" + on("a")},
		{"comment above a definition", "# one\n" + on("a"), "# one\n" + on("a")},
		{"comment apart", "# one\n\na " + cat, on("a")},
		{"comment behind", "a " + cat + "# one\n", on("a")},
		{"comment behind a definition", strings.TrimSuffix(on("a"), "\n") + " # of a\n" + "b " + cat, on("a") + on("b")},
		{"comments within", "a on # x\n# y\n" + strings.TrimPrefix(on("a"), "a on\n"), on("a")},
		{"comment of another file", "# of the line below\n.include x\nb " + cat, "# inner\n" + on("a") + on("b")},
		{"indented", " # one\na " + cat, " # one\n" + on("a")},
		{"with is folded", "# all\n* with umask = 7;\n# one\na " + cat, "# one\n" + strings.Replace(on("a"), ";", ",\n\tumask = 7;", 1)},
		{"off", "# one\n" + off, "# one\n" + off},
		{"off and amended", "a with umask = 7;" + off, strings.Replace(off, ";", ",\n\tumask = 7;", 1)},
		{"commented out above", "#b " + cat + "a " + cat, "#b " + cat + on("a")},
		{"commented out apart", "# prose\n#b " + cat + "# prose\n\na " + cat, "#b " + cat + "\n" + on("a")},
		{"commented out at the end", "a " + cat + "#<off># b " + cat, on("a") + "#<off># b " + cat + "\n"},
		{"commented out and continued", "#b stream tcp nowait\n#\troot /bin/cat\n#\tc " + cat + "\na " + cat, "#b stream tcp nowait\n#\troot /bin/cat\n#\tc " + cat + "\n" + on("a")},
		{"definition commented out", "#b on\n#  exec = /bin/cat;\n# prose\n\na " + cat, "#b on\n#  exec = /bin/cat;\n\n" + on("a")},
		{"prose", "# turn on the light;\n# b on\n# off\n\na " + cat, on("a")},
		{"mistake", "# one\nb strem tcp nowait root /bin/cat\n# two\na " + cat,
			"# one\n# f:2:3: unknown socket type \"strem\"; did you mean \"stream\"?\n# b strem tcp nowait root /bin/cat\n\n# two\n" + on("a")},
		{"mistake in a definition", "b on\n\tumsk = 7;\na " + cat,
			"# f:2:2: unknown key \"umsk\"; did you mean \"umask\"?\n# b on\n# \tumsk = 7;\n\n" + on("a")},
		{"control characters", "b\x1b[0m stream tcp nowait root /bin/cat\n#\x1b[0m\na " + cat,
			"# f:1:2: control character '\\x1b'; is this a text file?\n# b\\x1b[0m stream tcp nowait root /bin/cat\n\n#\\x1b[0m\n" + on("a")},
		{"closed", "a with allow = 10.0.0;\na " + cat,
			"# f:1:16: bad value \"10.0.0\" for \"allow\"; expected an address, a network such as 192.0.2.0/24, a host name, or a domain with a dot before it\n# a with allow = 10.0.0;\n\n" +
				"# f:2:1: not served: the access rules for it at f:1:1 have a mistake; mend them\n# a " + cat + "\n"},
		{"what is ignored", "a stream tcp nowait root/daemon /bin/cat cat\n",
			"# f:1:25: login class \"daemon\" ignored; Linux has none\n" + on("a")},
		{"IPsec", "#@ in ipsec esp/transport//require\na " + cat + "#@\nb " + cat,
			strings.Replace(on("a"), ";", ",\n\tipsec = \"in ipsec esp/transport//require\";", 1) + on("b")},
		{"IPsec as a key", strings.Replace(on("a"), ";", ",\n\tipsec = x;", 1), strings.Replace(on("a"), ";", ",\n\tipsec = x;", 1)},
		{"two transports", "#@ x\n# one\na/1\ttli\trpc/tcp,udp\twait\troot\t/bin/cat\n",
			"# one\n# f:3:5: served as a plain socket; Linux has no TLI\n" + transport("tcp") + transport("udp")},
	}
	include := func(from, pattern string) ([]*File, error) {
		return []*File{{Name: "inner", Text: "# inner\na " + cat + "# at its end\n"}}, nil
	}
	for _, tt := range tests {
		got, _, _ := converted([]byte(tt.text), include)
		if got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// checkConverted prints a configuration in the second syntax, and reads it back.
func checkConverted(t *testing.T, text []byte, include Include) {
	t.Helper()
	out, want, problems := converted(text, include)
	again, got, _ := converted([]byte(out), nil)
	if diff := cmp.Diff(bare(want), bare(got), alike); diff != "" {
		t.Errorf("converted to\n%s\n-want +got:\n%s", out, diff)
	}
	if again != out && !anyError(problems) {
		t.Errorf("converted to\n%s\nand that to\n%s", out, again)
	}
}

func anyError(problems []Problem) bool {
	for _, p := range problems {
		if p.Severity == Error {
			return true
		}
	}
	return false
}

// bare returns entries without their places and comments.
func bare(entries []Entry) []Entry {
	list := placeless(entries)
	for i := range list {
		list[i].Comments = nil
	}
	return list
}

// TestConvertGolden converts the golden files.
func TestConvertGolden(t *testing.T) {
	t.Parallel()
	for _, text := range goldenTexts(t) {
		checkConverted(t, text, includeGolden)
	}
}

// goldenTexts returns the texts of the golden files.
func goldenTexts(t testing.TB) (texts [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// FuzzConvert: what any text is converted to is read as the same entries.
func FuzzConvert(f *testing.F) {
	for _, text := range goldenTexts(f) {
		f.Add(text)
	}
	for _, v := range keyValues {
		f.Add([]byte("* with " + v.option + ";\n#x\n" + plainEntry + ";\n#" + plainEntry + ";"))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkConverted(t, text, includeFuzz) })
}

// TestRemarksOfCompiled: the definition of another front end comes with its
// comments and problems, or as a comment.
func TestRemarksOfCompiled(t *testing.T) {
	t.Parallel()
	option := func(key, value string) Option {
		return Option{Key: Word{Text: key}, Values: []Word{{Text: value}}}
	}
	def := Definition{
		Service:  Word{Text: "a", Pos: Pos{"f", 3, 9}},
		Options:  []Option{option("protocol", "tcp")},
		Comments: []string{"# one"},
		Problems: []Problem{{Pos{"f", 5, 2}, Warning, "mdns has no effect", ""}},
	}
	broken, mistaken := def, def
	broken.Broken = true
	mistaken.Options = append(mistaken.Options, option("umask", "9"))
	tests := []struct {
		name string
		def  Definition
		want string
	}{
		{"in order", def, "# one\n# f:5:2: mdns has no effect\na on\n\tprotocol = tcp,\n\twait = no,\n\texec = internal;\n"},
		{"broken", broken, "# one\n# f:5:2: mdns has no effect\n# a on\n# \tprotocol = tcp,\n# \tdeny = 0.0.0.0/0 ::/0;\n\n"},
		{"with a mistake", mistaken, "# one\n# f:5:2: mdns has no effect\n" +
			"# f:3:9: bad value \"9\" for \"umask\"; expected octal digits up to 777\n# a on\n# \tprotocol = tcp,\n# \tumask = 9,\n# \tdeny = 0.0.0.0/0 ::/0;\n\n"},
	}
	for _, tt := range tests {
		p := Parser{}
		p.KeepRemarks()
		got := ""
		for _, e := range p.Compile(tt.def) {
			got += Define(&e).String()
		}
		for _, line := range p.Remarks() {
			got += line + "\n"
		}
		if got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
		if silent := (&Parser{}); tt.def.Broken && len(silent.Compile(tt.def)) > 0 {
			t.Errorf("%s: it is compiled", tt.name)
		}
	}
}
