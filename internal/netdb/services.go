package netdb

import (
	"iter"
	"strconv"
	"strings"
)

// Servent is one entry of a services file. Its strings share the memory of the
// text it was read from.
type Servent struct {
	Name    string
	Aliases []string
	Port    uint16 // never 0
	Proto   string // in lower case
}

// Services is a services file, indexed.
type Services struct {
	list  []servent
	names map[nameKey]int32 // of a name or alias, the index of its first entry in list
	text  string
}

type nameKey struct{ name, proto string }

// servent is a Servent whose aliases are not cut up yet: most are never asked for.
type servent struct {
	name, aliases, proto string
	port                 uint16
}

// lender has, for a protocol, the one whose ports it uses where a services file does
// not list its own: Multipath TCP is TCP to applications (RFC 8684 section 2), SCTP
// and DCCP share the registry of TCP and UDP (RFC 6335 section 5), and UDP-Lite uses
// the port numbers of UDP (RFC 3828 section 3.1).
var lender = map[string]string{"mptcp": "tcp", "sctp": "tcp", "dccp": "udp", "udplite": "udp"}

// ParseServices reads the text of a services file. The result keeps the text in memory.
func ParseServices(text string) *Services {
	var list []servent
	for line := range strings.Lines(text) {
		if e, ok := parseServent(line); ok {
			list = append(list, e)
		}
	}
	s := &Services{list, make(map[nameKey]int32, len(list)), text}
	for i, e := range list {
		for name := range e.answers() {
			if key := (nameKey{name, e.proto}); !s.has(key) {
				s.names[key] = int32(i)
			}
		}
	}
	return s
}

func (s *Services) has(key nameKey) bool {
	_, ok := s.names[key]
	return ok
}

// ParseServent reads one line of a services file, or of what `getent services
// NAME/PROTO` prints. It returns false for a line that is not an entry.
func ParseServent(line string) (Servent, bool) {
	e, ok := parseServent(line)
	if !ok {
		return Servent{}, false
	}
	return e.servent(), true
}

func parseServent(line string) (servent, bool) {
	name, rest := field(uncomment(line))
	where, aliases := field(rest)
	i := strings.IndexAny(where, "/,") // the C library takes 23,tcp too
	if i < 0 || i+1 == len(where) {
		return servent{}, false
	}
	port, err := strconv.ParseUint(where[:i], 10, 16)
	if err != nil || port == 0 {
		return servent{}, false
	}
	return servent{name, aliases, strings.ToLower(where[i+1:]), uint16(port)}, true
}

// ByName finds the entry for a name or an alias and a protocol in lower case. If there
// is none for mptcp, sctp, dccp or udplite, it returns the one for the protocol with the
// same ports, so Proto may differ from proto.
func (s *Services) ByName(name, proto string) (Servent, bool) {
	i, ok := s.names[nameKey{name, proto}]
	if !ok {
		i, ok = s.names[nameKey{name, lender[proto]}]
	}
	if !ok {
		return Servent{}, false
	}
	return s.list[i].servent(), true
}

func (e servent) servent() Servent {
	return Servent{e.name, strings.Fields(e.aliases), e.port, e.proto}
}

// answers yields the names that find the entry: its name and its aliases.
func (e servent) answers() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, rest := e.name, e.aliases; name != "" && yield(name); {
			name, rest = field(rest)
		}
	}
}
