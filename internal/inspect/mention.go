package inspect

import (
	"slices"
	"strings"

	"inetd/internal/report"
	"inetd/internal/textfile"
)

// mention is a line of a configuration file that seems to be about a service but is not
// one of its entries.
type mention struct {
	file string
	line int
	what string
}

// mentions are the lines about a service that are switched off or have a mistake.
func mentions(r *report.Report, label string) (found []mention) {
	name, _, _ := strings.Cut(label, "/")
	if strings.HasPrefix(label, "/") {
		name = label
	}
	for _, file := range r.Files {
		text, err := textfile.Read(file, textfile.Limit)
		if err != nil {
			continue // the report says so
		}
		line := 0
		for s := range strings.Lines(text) {
			line++
			if what := about(s, name); what != "" && (what != mistake && what != amends || r.Faulty(file, line)) {
				found = append(found, mention{file, line, what})
			}
		}
	}
	return found
}

// What is said of lines that are switched on.
const (
	mistake = "has a mistake here"
	amends  = "is amended here, with a mistake"
)

// about says what a line is to a service; "": nothing.
func about(line, name string) string {
	rest := strings.TrimLeft(line, "# \t")
	off := len(rest) < len(line) && strings.HasPrefix(strings.TrimSpace(line), "#")
	rest = strings.TrimPrefix(rest, "<off>#")
	f := strings.Fields(rest)
	switch {
	case len(f) < 2:
	case f[0] == "service" && f[1] == name:
		return "is disabled, or has a mistake in its block"
	case !names(f[0], name):
	case off && len(f) >= minColumns:
		return "is commented out"
	case off:
	case f[1] == "off":
		return "is off"
	case f[1] == "with":
		return amends
	default:
		return mistake
	}
	return ""
}

// minColumns is how many words an entry has at least.
const minColumns = 6

// names reports whether the first word of a line names a service, with or without an
// address before it and a protocol after it.
func names(word, name string) bool {
	word = word[strings.LastIndexByte(word, ':')+1:]
	first, _, _ := strings.Cut(word, "/")
	return word == name || first == name
}

func mentioned(list []mention, file string, line int) bool {
	return slices.ContainsFunc(list, func(m mention) bool { return m.file == file && m.line == line })
}
