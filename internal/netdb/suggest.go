package netdb

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// Empty reports whether there is no entry at all.
func (s *Services) Empty() bool { return len(s.list) == 0 }

// Fault finds the first line that is meant to be an entry for a name but is not one.
// It returns the number of the line, from 1, and what is wrong with it; line 0 means
// that there is no such line.
func (s *Services) Fault(name string) (line int, fault string) {
	for text := range strings.Lines(s.text) {
		line++
		first, rest := field(uncomment(text))
		where, aliases := field(rest)
		if first != name && !slices.Contains(strings.Fields(aliases), name) {
			continue
		}
		if _, ok := parseServent(text); !ok {
			return line, faultOf(where)
		}
	}
	return 0, ""
}

// faultOf says what is wrong with the second column of an entry, or returns "".
func faultOf(where string) string {
	number, proto, _ := strings.Cut(strings.Replace(where, ",", "/", 1), "/")
	port, err := strconv.ParseUint(number, 10, 16)
	_, bad := strconv.ParseUint(number, 10, 64)
	switch {
	case where == "":
		return "has no port: write NAME PORT/PROTOCOL there"
	case bad != nil && !errors.Is(bad, strconv.ErrRange):
		return fmt.Sprintf("has %q where PORT/PROTOCOL should be", where)
	case err != nil || port == 0:
		return fmt.Sprintf("has the port %s: 1 to 65535 are possible", number)
	case proto == "":
		return fmt.Sprintf("has no protocol: write %s/tcp or %s/udp there", number, number)
	}
	return ""
}

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
