package xinetd

import (
	"slices"
	"strings"
	"testing"

	"inetd/internal/conf"
)

// TestReaching: an IPv6 network that holds the mapped addresses means IPv4 clients only
// on an IPv6 socket; and some attributes mean more than a key of their name.
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
		{"Flags = ipv4 NoDelay\n\tOnly_From = 10.1.2.3", "allow = 10.1.2.3/32"},
		{"FLAGS = NoDelay", "sockopt = nodelay"},
		{"Instances = unlimited", "accept_max = 0"},
		{"instances = UNLISTED", "BROKEN"},
		{"protocol = TCP", "protocol = tcp"},
		{"passenv = * A=b LANG", "pass_env = LANG"},
		{"redirect = 127.0.0.1 www", "connect = 127.0.0.1:80"},
		{"redirect = 127.0.0.1 no-such", "BROKEN"},
		{"log_type = syslog Daemon INFO", "port = 7001"},
		{"log_type = FILE /var/log/x 10K 20M", "port = 7001"},
		{"log_type = SYSLOG", "BROKEN"},
		{"log_type = SYSLOG demon", "BROKEN"},
		{"log_type = SYSLOG daemon loud", "BROKEN"},
		{"log_type = FILE", "BROKEN"},
		{"log_type = FILE /x much", "BROKEN"},
		{"log_type = FILE /x 1kk", "BROKEN"},
		{"log_type = FILE /x 20K 10240", "BROKEN"},
		{"log_type = FILE /x 20K 20480", "port = 7001"},
		{"log_type = FILE /x 99999999999999999999", "BROKEN"},
		{"log_type = \u017fYSLOG daemon", "BROKEN"},
		{"only_from = 10.1.2.3-10.1.2.9", "BROKEN"},
		{"only_from = host-1.2", "BROKEN"},
		{"only_from = host-1.x2", "allow = host-1.x2"},
		{"rlimit_files = UNLIMITED", "port = 7001"},
	}
	for _, tt := range tests {
		text := "service a\n{\n\ttype = UNLISTED\n\tport = 7001\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n\t" + tt.attributes + "\n}\n"
		r := Reader{Port: func(name, protocol string) (uint16, bool) { return 80, name+"/"+protocol == "www/tcp" }}
		file := &conf.File{Name: "f", Text: text}
		r.Read(file)
		defs := slices.Collect(r.Definitions(file))
		if len(defs) != 1 {
			t.Fatalf("%s: %v", tt.attributes, r.Problems)
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

// TestOff tells which services are off. The case of ASCII letters does not matter, but
// the Kelvin sign is no k. In defaults every operator adds to enabled and disabled.
func TestOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ defaults, service, on string }{
		{"", "", "a B c"},
		{"", "Disable = YES", ""},
		{"DISABLED = b C", "", "a"},
		{"disabled = a\n\tdisabled -= a B", "", "c"},
		{"enabled = A\n\tEnabled -= b", "", "a B"},
		{"enabled = a b\n\tdisabled += B", "", "a"},
		{"enabled =", "", ""},
		{"disabled =", "", "a B c"},
		{"enabled = b \u212a", "id = k", ""},
	} {
		text := "Defaults\n{\n\t" + tt.defaults + "\n}\n"
		for _, name := range []string{"a", "B", "c"} {
			text += "SERVICE " + name + "\n{\n\t" + tt.service + "\n}\n"
		}
		defs, _ := Parse("f", []byte(strings.ReplaceAll(text, "\t\n", "")), nil)
		var on []string
		for _, def := range defs {
			if def.State == conf.On {
				on = append(on, def.Service.Text)
			}
		}
		if got := strings.Join(on, " "); got != tt.on || len(defs) != 3 {
			t.Errorf("%s\non are %q of %d", text, got, len(defs))
		}
	}
}
