package netdb

import (
	"os"
	"strings"
	"testing"
)

// TestClassicAgrees compares the built-in table with the file of this machine.
func TestClassicAgrees(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/etc/services")
	if err != nil {
		t.Skip(err)
	}
	local, classic := ParseServices(string(text)), Classic()
	for _, e := range classic.list {
		for name := range e.answers() {
			c, _ := classic.ByName(name, e.proto)
			if l, ok := local.ByName(name, e.proto); ok && l.Port != c.Port {
				t.Errorf("%s is %d/%s, in /etc/services %d", name, c.Port, e.proto, l.Port)
			}
		}
	}
}

func TestClassic(t *testing.T) {
	t.Parallel()
	s := Classic()
	if lines := strings.Count(strings.TrimSpace(classicServices), "\n") + 1; len(s.list) != lines {
		t.Errorf("%d entries in %d lines", len(s.list), lines)
	}
	tests := []struct {
		name, proto string
		port        uint16
	}{
		{"telnet", "tcp", 23}, {"exec", "tcp", 512}, {"comsat", "udp", 512},
		{"login", "tcp", 513}, {"who", "udp", 513}, {"shell", "tcp", 514},
		{"syslog", "udp", 514}, {"ntalk", "udp", 518}, {"ident", "tcp", 113},
		{"nrpe", "tcp", 5666}, {"munin", "tcp", 4949}, {"sane-port", "tcp", 6566},
		{"git", "tcp", 9418}, {"rsync", "tcp", 873}, {"bootps", "udp", 67},
	}
	for _, tt := range tests {
		if e, _ := s.ByName(tt.name, tt.proto); e.Port != tt.port {
			t.Errorf("%s/%s is %d, want %d", tt.name, tt.proto, e.Port, tt.port)
		}
	}
}

func TestClassicPrograms(t *testing.T) {
	t.Parallel()
	classic := ClassicPrograms()
	if lines := strings.Count(strings.TrimSpace(classicPrograms), "\n") + 1; len(classic.list) != lines {
		t.Errorf("%d entries in %d lines", len(classic.list), lines)
	}
	if e, _ := classic.ByName("rstat"); e.Number != 100001 {
		t.Errorf("rstat is %d, want 100001", e.Number)
	}
	text, err := os.ReadFile("/etc/rpc")
	if err != nil {
		t.Skip(err)
	}
	local := ParsePrograms(string(text))
	for name := range classic.names() {
		c, _ := classic.ByName(name)
		if l, ok := local.ByName(name); ok && l.Number != c.Number {
			t.Errorf("%s is %d, in /etc/rpc %d", name, c.Number, l.Number)
		}
	}
}
