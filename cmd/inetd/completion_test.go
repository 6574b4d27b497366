package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"inetd/internal/golden"
)

// helpLine matches an option in the help: its letters, its long name, whether
// it has a value, and the first line of what it does.
var helpLine = regexp.MustCompile(`(?m)^  ((?:-\w, )*(?:-\w)?)\s*(?:--([\w-]+)(\[?=[\w\]]+)?)? +(\S.*(?:\n {20,}\S.*)*)$`)

// helpOption is an option as the help describes it.
type helpOption struct {
	letters []string
	name    string
	valued  bool
	does    string
}

// helpOptions reads the table of options in the help.
func helpOptions(t *testing.T) (options []helpOption) {
	t.Helper()
	for _, m := range helpLine.FindAllStringSubmatch(help, -1) {
		o := helpOption{name: m[2], valued: strings.HasPrefix(m[3], "="), does: strings.Join(strings.Fields(m[4]), " ")}
		for _, l := range strings.Split(m[1], ",") {
			if l = strings.Trim(l, " -"); l != "" {
				o.letters = append(o.letters, l)
			}
		}
		if o.name != "" {
			options = append(options, o)
		}
	}
	return options
}

// TestHelpOptions: the completions are made from the help, so the help has to name each
// long option of the program.
func TestHelpOptions(t *testing.T) {
	t.Parallel()
	var help []string
	for _, o := range helpOptions(t) {
		help = append(help, o.name)
	}
	for _, name := range allOptions() {
		if long, ok := strings.CutPrefix(name, "-"); ok && !strings.Contains(" "+strings.Join(help, " ")+" ", " "+long+" ") {
			t.Errorf("the help lacks --%s", long)
		}
	}
}

// TestCompletions: the completions of the shells know the options of the
// program. With -update they are made anew.
func TestCompletions(t *testing.T) {
	t.Parallel()
	shells := map[string]func([]helpOption) string{"bash": bashCompletion, "fish": fishCompletion, "zsh": zshCompletion}
	for shell, make := range shells {
		path := filepath.Join("completion", shell)
		want := []byte(make(helpOptions(t)))
		if golden.Update() {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is stale (%v); go test ./cmd/inetd -run Completions -update", path, err)
		}
	}
}

func bashCompletion(options []helpOption) string {
	var words []string
	for _, o := range options {
		for _, l := range o.letters {
			words = append(words, "-"+l)
		}
		word := "--" + o.name
		if o.valued {
			word += "="
		}
		words = append(words, word)
	}
	return fmt.Sprintf(`# shellcheck shell=bash
# Completion of inetd(8) for bash, made from its help.
_inetd() {
	local word=${COMP_WORDS[COMP_CWORD]}
	case $word in
	-*) mapfile -t COMPREPLY < <(compgen -W "%s" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	esac
	[[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}
complete -o filenames -F _inetd inetd
`, strings.Join(words, " "))
}

func fishCompletion(options []helpOption) string {
	var b strings.Builder
	b.WriteString("# Completion of inetd(8) for fish, made from its help.\n")
	for _, o := range options {
		b.WriteString("complete -c inetd")
		for _, l := range o.letters {
			b.WriteString(" -s " + l)
		}
		b.WriteString(" -l " + o.name)
		if o.valued {
			b.WriteString(" -r")
		}
		fmt.Fprintf(&b, " -d '%s'\n", quoted(o.does))
	}
	return b.String()
}

func zshCompletion(options []helpOption) string {
	var b strings.Builder
	b.WriteString("#compdef inetd\n# Completion of inetd(8) for zsh, made from its help.\n_arguments -S \\\n")
	for _, o := range options {
		text := strings.NewReplacer("[", `\[`, "]", `\]`).Replace(quoted(o.does))
		for _, l := range o.letters {
			fmt.Fprintf(&b, "\t'-%s[%s]' \\\n", l, text)
		}
		if o.valued {
			fmt.Fprintf(&b, "\t'--%s=[%s]:value:_files' \\\n", o.name, text)
			continue
		}
		fmt.Fprintf(&b, "\t'--%s[%s]' \\\n", o.name, text)
	}
	b.WriteString("\t'*:configuration:_files'\n")
	return b.String()
}

// quoted escapes a text for single quotes of a shell.
func quoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
