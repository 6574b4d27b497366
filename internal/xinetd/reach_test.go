package xinetd

import (
	"strings"
	"testing"
)

// TestReaching: a network of IPv6 that holds the addresses of IPv4 means them to a
// socket of IPv6 alone; and some attributes mean more than a key of their name.
func TestReaching(t *testing.T) {
	t.Parallel()
	tests := []struct{ attributes, want string }{
		{"only_from = ::/0", "allow = ::/0 0.0.0.0/0"},
		{"only_from = 2001:db8::/32", "allow = 2001:db8::/32"},
		{"only_from = ::ffff:10.0.0.0/104", "allow = 10.0.0.0/8"},
		{"flags = IPv4\n\tonly_from = ::/0 10.1.2.3", "allow = ::/0 10.1.2.3/32"},
		{"flags = IPv4\n\tonly_from = ::ffff:10.1.2.3 10.1.2.4", "allow = 10.1.2.4/32"},
		{"flags = IPv4\n\tonly_from = ::ffff:10.1.2.3", "deny = 0.0.0.0/0 ::/0"},
		{"only_from = ::ffff:10.1.2.3", "allow = 10.1.2.3/32"},
		{"bind = 127.0.0.1\n\tonly_from = ::/0", "allow = ::/0"},
		{"bind = ::1\n\tno_access = ::/0", "deny = ::/0 0.0.0.0/0"},
		{"only_from = 0.0.0.0\n\tonly_from -= ::/0", "allow = 0.0.0.0/0"},
		{"only_from = ::/0\n\tonly_from -= 0.0.0.0", "allow = ::/0 0.0.0.0/0"},
		{"instances = 3", "full = refuse"},
		{"instances = UNLIMITED", "accept_max = 0"},
		{"log_on_success = TRAFFIC", "BROKEN"},
	}
	for _, tt := range tests {
		text := "service a\n{\n\ttype = UNLISTED\n\tport = 7001\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n\t" + tt.attributes + "\n}\n"
		defs, problems := Parse("f", []byte(text), nil)
		if len(defs) != 1 {
			t.Fatalf("%s: %v", tt.attributes, problems)
		}
		got := defs[0].String()
		if defs[0].Broken {
			got = "\tBROKEN;"
		}
		if !strings.Contains(got, "\t"+tt.want+",") && !strings.Contains(got, "\t"+tt.want+";") {
			t.Errorf("%s: want %s, got %s", tt.attributes, tt.want, got)
		}
	}
}
