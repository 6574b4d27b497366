package netdb

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// Program is one entry of an rpc file.
type Program struct {
	Name    string
	Number  uint32
	Aliases []string
}

// Programs is an rpc file, parsed.
type Programs struct {
	list []Program // about forty: an index does not pay
}

// ParsePrograms reads the text of an rpc file. The result keeps the text in memory.
func ParsePrograms(text string) *Programs {
	p := &Programs{}
	for line := range strings.Lines(text) {
		name, rest := field(uncomment(line))
		number, aliases := field(rest)
		if n, err := strconv.ParseUint(number, 10, 32); err == nil {
			p.list = append(p.list, Program{name, uint32(n), strings.Fields(aliases)})
		}
	}
	return p
}

// ByName finds a program by its name or an alias.
func (p *Programs) ByName(name string) (Program, bool) {
	for _, e := range p.list {
		if e.Name == name || slices.Contains(e.Aliases, name) {
			return e, true
		}
	}
	return Program{}, false
}

// Suggest returns a hint for a name that ByName does not find, or "".
func (p *Programs) Suggest(name string) string {
	if _, found := p.ByName(name); found {
		return ""
	}
	near := nearest.Name(name, p.names())
	if near == "" {
		return ""
	}
	e, _ := p.ByName(near)
	return fmt.Sprintf("did you mean %s (%d)?", near, e.Number)
}

func (p *Programs) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, e := range p.list {
			if !yield(e.Name) {
				return
			}
			for _, alias := range e.Aliases {
				if !yield(alias) {
					return
				}
			}
		}
	}
}
