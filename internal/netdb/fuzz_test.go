package netdb

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scan is services(5) the slow way: the first line with the name wins.
func scan(text, name, proto string) (port uint64, found bool) {
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(blanks, r) })
		if len(f) < 2 || name != f[0] && !slices.Contains(f[2:], name) {
			continue
		}
		number, p, _ := strings.Cut(strings.Replace(f[1], ",", "/", 1), "/")
		if port, err := strconv.ParseUint(number, 10, 16); err == nil && port > 0 && strings.ToLower(p) == proto {
			return port, true
		}
	}
	return 0, false
}

// TestReal reads the services file of this machine.
func TestReal(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/etc/services")
	if err != nil {
		t.Skip(err)
	}
	s := ParseServices(string(text))
	if len(s.list) == 0 {
		t.Skip("it is empty")
	}
	for _, e := range s.list {
		checkServent(t, s, e.servent())
		for name := range e.answers() {
			got, _ := s.ByName(name, e.proto)
			if want, _ := scan(string(text), name, e.proto); uint64(got.Port) != want {
				t.Errorf("ByName(%q, %q) is %d, want %d", name, e.proto, got.Port, want)
			}
		}
	}
}

func FuzzServices(f *testing.F) {
	f.Add(sample, "mail", "tcp")
	f.Add("ndav_telnet 9999/TCP\r\n# c\r\nx\t1,udp y z#\n", "y", "udp")
	f.Add("a 0/tcp\na 65536/tcp\na 1/\na", "a", "tcp")
	f.Add("telnet 23/tcp\ntftp 69/udp\n", "telent", "tcp")
	f.Fuzz(func(t *testing.T, text, name, proto string) {
		if lender[proto] != "" || proto == "" || name == "" {
			t.Skip("scan knows no lenders")
		}
		s := ParseServices(string(text))
		got, found := s.ByName(name, proto)
		port, want := scan(text, name, proto)
		if found != want || uint64(got.Port) != port {
			t.Errorf("ByName(%q, %q) = %+v, %v, want %d, %v", name, proto, got, found, port, want)
		}
		if hint := s.Suggest(name, proto); found && hint != "" {
			t.Errorf("hint %q for a known name", hint)
		}
		for _, e := range s.list {
			checkServent(t, s, e.servent())
		}
	})
}

// checkServent checks one entry that was read: it is well formed and can be found again.
func checkServent(t *testing.T, s *Services, e Servent) {
	for _, word := range append(e.Aliases, e.Name, e.Proto) {
		if word == "" || strings.ContainsAny(word, blanks+"#") {
			t.Errorf("bad word %q in %+v", word, e)
		}
	}
	if e.Port == 0 || e.Proto != strings.ToLower(e.Proto) {
		t.Errorf("bad entry %+v", e)
	}
	if _, ok := s.ByName(e.Name, e.Proto); !ok {
		t.Errorf("%+v is not found by its name", e)
	}
	line := fmt.Sprintf("%s %d/%s %s", e.Name, e.Port, e.Proto, strings.Join(e.Aliases, " "))
	if again, ok := ParseServent(line); !ok || !cmp.Equal(again, e) {
		t.Errorf("%q reads as %+v, want %+v", line, again, e)
	}
}

func FuzzPrograms(f *testing.F) {
	f.Add(programs, "rusers")
	f.Add(classicPrograms, "rusres")
	f.Add("a 1 a a#a\r\n\ta 2\x00", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		p := ParsePrograms(string(text))
		for _, e := range p.list {
			if strings.ContainsAny(e.Name+strings.Join(e.Aliases, ""), blanks+"#") || e.Name == "" {
				t.Errorf("bad words in %+v", e)
			}
			if first, ok := p.ByName(e.Name); !ok || first.Name != e.Name && !slices.Contains(first.Aliases, e.Name) {
				t.Errorf("ByName(%q) = %+v, %v", e.Name, first, ok)
			}
		}
		if _, found := p.ByName(name); found && p.Suggest(name) != "" {
			t.Errorf("a hint for the known name %q", name)
		}
		for word := range ParseProtocols(text) {
			if word == "" || strings.ContainsAny(word, blanks+"#") {
				t.Errorf("bad protocol name %q", word)
			}
		}
	})
}
