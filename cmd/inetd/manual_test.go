package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"inetd/internal/conf"
	"inetd/internal/golden"
)

const (
	page8 = "inetd.8"
	page5 = "inetd.conf.5"
	page7 = "inetd.dialects.7"
)

// section returns the text between a macro line and the next line with that macro.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(read(t, page), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", page, heading)
	}
	text, _, _ := strings.Cut(rest, "\n"+heading[:len(".Sh")])
	return text
}

// allOptions returns the letters and names of all options.
func allOptions() []string {
	names := map[string]bool{"p": true, "r": true} // letters that only getopt knows
	for letter := range aliases {
		names[letter] = true
	}
	new(options).flagSet().VisitAll(func(f *pflag.Flag) {
		names["-"+f.Name] = true
		if f.Shorthand != "" {
			names[f.Shorthand] = true
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// TestManualOptions: each option is in the synopsis and in the list, and nothing else is.
func TestManualOptions(t *testing.T) {
	t.Parallel()
	var items []string
	for line := range strings.Lines(section(t, page8, ".Ss Options")) {
		if strings.HasPrefix(line, ".It Fl") {
			items = append(items, line)
		}
	}
	list := strings.Join(items, "")
	for name, text := range map[string]string{"synopsis": section(t, page8, ".Sh SYNOPSIS"), "list": list} {
		text = strings.ReplaceAll(text, `\&`, "")
		if diff := cmp.Diff(allOptions(), found(text, `Fl (-?[\w?-]+)`)); diff != "" {
			t.Errorf("%s (- program, + manual):\n%s", name, diff)
		}
	}
}

// found returns the texts that the group of a pattern matches, sorted, each once.
func found(text, pattern string) []string {
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// TestManualExamples: the parser accepts what the manual shows as entries.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile(`(?s)\.Bd -literal -offset indent\n(.*?)\.Ed`).FindAllStringSubmatch(read(t, page5), -1)
	entries := 0
	for _, b := range blocks {
		text := strings.ReplaceAll(b[1], `\e`, `\`)
		if regexp.MustCompile(`^(inetd\.conf:|\[Socket\]|\\&\.|daemon off;)`).MatchString(text) {
			continue
		}
		some, problems := conf.Parse(page5, []byte(text), nil)
		entries += len(some)
		for _, p := range problems {
			if p.Severity != conf.Hint {
				t.Errorf("%v in:\n%s", p, text)
			}
		}
	}
	if entries < 30 {
		t.Errorf("%d entries", entries)
	}
}

// TestManualTables: no cell of a table is wider than its column, and no table is wider than
// a terminal of 80 columns: groff tears such a row apart, though mandoc does not.
func TestManualTables(t *testing.T) {
	t.Parallel()
	const indent, gap, page = 5, 4, 78
	shown := strings.NewReplacer(`\`, "", "Cm ", "", "Em ", "", "Sy ", "")
	for _, table := range regexp.MustCompile(`(?s)\.Bl -column "(.*?)"\n(.*?)\.El`).FindAllStringSubmatch(read(t, page5), -1) {
		columns := strings.Split(table[1], `" "`)
		if width := indent + len(strings.Join(columns, "")) + gap*(len(columns)-1); width > page {
			t.Errorf("the table of %q has %d columns of text", columns, width)
		}
		for row := range strings.Lines(table[2]) {
			for i, cell := range strings.Split(strings.TrimSpace(strings.TrimPrefix(row, ".It ")), " Ta ") {
				if cell = shown.Replace(cell); len(cell) > len(columns[i]) {
					t.Errorf("%q is wider than %q", cell, columns[i])
				}
			}
		}
	}
}

// systems are the names of the dialects, in the order of the table.
var systems = []struct{ dialect, name string }{
	{"openbsd", "OpenBSD"}, {"debian", "Debian"}, {"freebsd", "FreeBSD"}, {"dragonfly", "DragonFly"},
	{"netbsd", "NetBSD"}, {"netbsd2", "NetBSD, second syntax"}, {"inetutils", "GNU inetutils"}, {"busybox", "busybox"},
	{"hpux", "HP-UX"}, {"illumos", "illumos, Solaris"}, {"tru64", "Tru64"}, {"aix", "AIX"}, {"ultrix", "Ultrix"},
	{"nonstop", "NonStop"}, {"zos", "z/OS"}, {"vos", "Stratus VOS"}, {"ftx", "Stratus FTX"}, {"sco", "SCO"}, {"dgux", "DG/UX"},
	{"sockets", "Linux"},
}

// TestManualDialects: the table in the manual is made from the one that the tests of the
// parser check. With -update it is made anew.
func TestManualDialects(t *testing.T) {
	t.Parallel()
	const start, end = ".\\\" The table is made from testdata/conf/dialects.tsv: go test ./cmd/inetd -run Dialects -update\n", ".\\\" End of the table.\n"
	page := read(t, page7)
	before, rest, ok := strings.Cut(page, start)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the manual has no place for the table")
	}
	want := dialects(t)
	if golden.Update() {
		if err := os.WriteFile(page7, []byte(before+start+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table is stale; go test -run Dialects -update (- file, + manual):\n%s", diff)
	}
}

// dialects turns the table into mdoc.
func dialects(t *testing.T) string {
	t.Helper()
	rows := map[string][]string{}
	lines := strings.Split(strings.TrimSuffix(read(t, "../../testdata/conf/dialects.tsv"), "\n"), "\n")
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			t.Fatalf("%q has %d columns", line, len(f))
		}
		rows[f[0]] = append(rows[f[0]], fmt.Sprintf(".It Li \"%s\"\n%s\n", literal(f[1]), prose(f[2])))
	}
	var b strings.Builder
	for _, s := range systems {
		fmt.Fprintf(&b, ".Ss %s\n.Bl -tag -width \"sndbuf=64k,rcvbuf=64k\" -compact\n%s.El\n", s.name, strings.Join(rows[s.dialect], ""))
		delete(rows, s.dialect)
	}
	for dialect := range rows {
		t.Errorf("%q has no name", dialect)
	}
	return b.String()
}

// literal escapes a text that is to be printed, and copied, as it is.
func literal(s string) string {
	return strings.NewReplacer(`\`, `\e`, `"`, `\(dq`, "'", `\(aq`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "%", `\&%`).Replace(s)
}

// prose escapes a text at the start of a line.
func prose(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}
