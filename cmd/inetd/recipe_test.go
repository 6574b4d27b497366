package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipe is an example of the section ON DEMAND of inetd.conf(5), or a file for its server.
type recipe struct {
	name string // its first word: for an entry the service
	text string
}

// recipes returns what the section shows, in its order.
func recipes(page string) (all []recipe) {
	_, rest, _ := strings.Cut(page, "\n.Sh ON DEMAND\n")
	section, _, _ := strings.Cut(rest, "\n.Sh ")
	for _, block := range regexp.MustCompile(`(?s)\.Bd -literal -offset indent\n(.*?)\.Ed\n`).FindAllStringSubmatch(section+"\n", -1) {
		name, _, _ := strings.Cut(block[1], " ")
		all = append(all, recipe{name, block[1]})
	}
	return all
}

// placeOf matches what a test may replace: a path, a port, an address with a port.
var placeOf = regexp.MustCompile(`^(/.*|[0-9]+|[0-9.]+:[0-9]+)$`)

// cmdRecipe writes an example of the manual to a file. It replaces only some paths and ports,
// and the user if the test does not run as root.
func cmdRecipe(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	page, err := os.ReadFile(page5)
	ts.Check(err)
	text := ""
	for _, r := range recipes(string(page)) {
		if r.name == args[1] {
			text = r.text
		}
	}
	if text == "" {
		ts.Fatalf("the section ON DEMAND of %s shows no %s", page5, args[1])
	}
	var places []string
	for _, arg := range args[2:] {
		from, to, _ := strings.Cut(arg, "=")
		if !placeOf.MatchString(from) || !strings.Contains(text, from) {
			ts.Fatalf("%q is no path or port, or not in\n%s", from, text)
		}
		places = append(places, from, to)
	}
	text = strings.NewReplacer(places...).Replace(text)
	if os.Getuid() != 0 {
		text = regexp.MustCompile(`\buser = [\w-]+`).ReplaceAllString(text, "user = -")
	}
	for _, dir := range []string{ts.Getenv("WORK"), filepath.Dir(ts.Getenv("WORK"))} {
		ts.Check(os.Chmod(dir, 0o755)) // the files of its user lie here
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// TestRecipesAreRun: each example of a server on demand is run by a script as it stands,
// and the example of README is among them.
func TestRecipesAreRun(t *testing.T) {
	t.Parallel()
	all := recipes(read(t, page5))
	if len(all) < 3 {
		t.Errorf("%d recipes", len(all))
	}
	scripts, err := filepath.Glob("../../testdata/script/recipe_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, path := range scripts {
		for _, m := range regexp.MustCompile(`(?m)^recipe \S+ (\S+)`).FindAllStringSubmatch(read(t, path), -1) {
			run[m[1]] = true
		}
	}
	readme, shown := read(t, "../../README.md"), 0
	for _, r := range all {
		if !run[r.name] {
			t.Errorf("no script runs\n%s", r.text)
		}
		shown += strings.Count(readme, indented(r.text))
	}
	if demanded := strings.Count(readme, "connect = "); shown == 0 || shown != demanded {
		t.Errorf("README shows %d servers on demand, %d of them from %s", demanded, shown, page5)
	}
}

// indented returns an example as README has it.
func indented(text string) string {
	return regexp.MustCompile(`(?m)^`).ReplaceAllString(strings.TrimSuffix(text, "\n"), "    ")
}
