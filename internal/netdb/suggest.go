package netdb

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"inetd/internal/nearest"
)

// Suggest returns a hint for a name that ByName does not find: that it exists
// for other protocols only, or which name was probably meant; "" if neither.
func (s *Services) Suggest(name, proto string) string {
	if _, found := s.ByName(name, proto); found {
		return ""
	}
	if others := s.named(name); len(others) > 0 {
		return fmt.Sprintf("%s exists for %s", name, protocols(others))
	}
	near := nearest.Name(name, s.candidates(proto))
	if near == "" {
		return ""
	}
	if e, found := s.ByName(near, proto); found {
		return fmt.Sprintf("did you mean %s (%d/%s)?", near, e.Port, e.Proto)
	}
	return fmt.Sprintf("did you mean %s, which exists for %s?", near, protocols(s.named(near)))
}

// protocols says which protocols a name exists for.
func protocols(list []Servent) string {
	var protos, ports []string
	for _, e := range list {
		if !slices.Contains(protos, e.Proto) {
			protos = append(protos, e.Proto)
			ports = append(ports, fmt.Sprintf("%d/%s", e.Port, e.Proto))
		}
	}
	return fmt.Sprintf("%s only (%s)", strings.Join(protos, " and "), strings.Join(ports, ", "))
}

// named returns every entry with a name or an alias, whatever its protocol.
func (s *Services) named(name string) []Servent {
	var list []Servent
	for _, e := range s.list {
		for n := range e.answers() {
			if n == name {
				list = append(list, e.servent())
				break
			}
		}
	}
	return list
}

// candidates yields the names that may have been meant, those that exist for
// the protocol first.
func (s *Services) candidates(proto string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, mine := range []bool{true, false} {
			for _, e := range s.list {
				if (e.proto == proto || e.proto == lender[proto]) != mine {
					continue
				}
				for name := range e.answers() {
					if !yield(name) {
						return
					}
				}
			}
		}
	}
}
