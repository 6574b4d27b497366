package xinetd

import (
	"net/netip"
	"strings"
	"testing"

	"inetd/internal/conf"
)

// accesses are attributes of a service, the clients that they let in, and those they keep out.
var accesses = []struct{ attributes, in, out string }{
	{"", "10.1.2.3 2001:db8::1", ""},
	{"only_from =", "", "10.1.2.3 2001:db8::1"},
	{"only_from = 0.0.0.0", "10.1.2.3", "2001:db8::1"},
	{"only_from = 10.0.0.0", "10.255.1.1", "11.0.0.1 2001:db8::1"},
	{"only_from = 10.1.0.0", "10.1.2.3", "10.2.0.1"},
	{"only_from = 10.1.2.0", "10.1.2.255", "10.1.3.0"},
	{"only_from = 10.0.1.0", "10.0.1.9", "10.0.2.9"},
	{"only_from = 10.1.2.3", "10.1.2.3", "10.1.2.4"},
	{"only_from = 10.{1,2}", "10.2.9.9", "10.3.0.1"},
	{"only_from = 10.1.2.{3,4}", "10.1.2.4", "10.1.2.5"},
	{"only_from = 10.1.2.3/30", "10.1.2.0", "10.1.2.4"},
	{"only_from = 2001:db8::/32", "2001:db8:1::1", "2001:db9::1 10.1.2.3"},
	{"only_from = 2001:db8::1", "2001:db8::1", "2001:db8::2"},
	{"only_from = ::", "", "2001:db8::1 10.1.2.3"},
	{"only_from = ::/0", "2001:db8::1 10.1.2.3", ""},
	{"only_from = 10.0.0.0\n\tonly_from += 192.0.2.1", "10.1.1.1 192.0.2.1", "192.0.2.2"},
	{"only_from = 10.0.0.0 192.0.2.1\n\tonly_from -= 10.0.0.0/8", "192.0.2.1", "10.1.1.1"},
	{"only_from = 10.0.0.0\n\tno_access = 10.1.2.3", "10.1.2.4", "10.1.2.3"},
	{"only_from = 10.1.2.3\n\tno_access = 10.0.0.0", "", "10.1.2.3 10.1.2.4"},
	{"no_access = 10.0.0.0", "11.0.0.1 2001:db8::1", "10.1.1.1"},
	{"no_access = 0.0.0.0", "2001:db8::1", "10.1.1.1"},
	{"no_access = ::/0", "", "2001:db8::1 10.1.1.1"},
	{"no_access =", "10.1.2.3", ""},
	{"instances = 0", "", "10.1.2.3 2001:db8::1"},
	{"per_source = 0\n\tno_access = 10.0.0.0", "", "10.1.2.3 2001:db8::1"},

	{"only_from = 10.1", "", "10.1.0.1"},
	{"only_from = 10.0.0.1 10.1.", "", "10.0.0.1"},
	{"only_from = 10.{1.......,2}", "", "10.2.0.1"},
	{"only_from = 10.{1.2,3}", "", "10.1.2.1 10.3.0.1"},
	{"no_access = 10.0.0.1,10.0.0.2", "", "10.0.0.3"},
	{"only_from 10.0.0.1", "", "10.0.0.1 10.0.0.2"},
	{"only_from=10.0.0.1", "", "10.0.0.1 10.0.0.2"},
	{"only_form = 10.0.0.1", "", "10.0.0.1 10.0.0.2"},
	{"noaccess = 10.0.0.1", "", "10.0.0.1 10.0.0.2"},
	{"access_times = 0:00-23:59", "10.0.0.1", ""},
	{"access_times = 22:00-6:00", "", "10.0.0.1"},
	{"access_times = 8:00-8:00", "", "10.0.0.1"},
	{"access_times = 8-9", "", "10.0.0.1"},
	{"access_times =", "", "10.0.0.1"},
	{"access_time = 0:00-23:59", "", "10.0.0.1"},
	{"max_load = 9", "10.0.0.1", ""},
	{"max_load = 0", "", "10.0.0.1"},
	{"max_load = -1", "", "10.0.0.1"},
	{"max_load = much", "", "10.0.0.1"},
	{"flags = SENSOR", "", "10.0.0.1"},
	{"flags = IDONLY\n\tlog_on_failure = USERID", "", "10.0.0.1"},
}

// TestAccess asks who may use a service with lists of clients. The answers are those of
// xinetd 2.3.15.3, except where a list has a mistake: then nobody may.
func TestAccess(t *testing.T) {
	t.Parallel()
	const head = "\ttype = UNLISTED\n\tport = 7001\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n"
	for _, tt := range accesses {
		for _, text := range []string{
			"service a\n{\n" + head + "\t" + tt.attributes + "\n}\n",
			"defaults\n{\n\t" + tt.attributes + "\n}\nservice a\n{\n" + head + "}\n",
		} {
			if name, _, _ := strings.Cut(tt.attributes, " "); strings.HasPrefix(text, "defaults") && attributes[name] != nil && attributes[name].in == inService {
				continue
			}
			admits := admission(t, text)
			for _, client := range strings.Fields(tt.in) {
				if !admits(client) {
					t.Errorf("%s\n%s is refused", text, client)
				}
			}
			for _, client := range strings.Fields(tt.out) {
				if admits(client) {
					t.Errorf("%s\n%s is let in", text, client)
				}
			}
		}
	}
}

// admission returns a function that tells who may use the one service of a text.
func admission(t *testing.T, text string) func(client string) bool {
	t.Helper()
	defs, _ := Parse("f", []byte(text), nil)
	var p conf.Parser
	var entries []conf.Entry
	for _, def := range defs {
		entries = append(entries, p.Compile(def)...)
	}
	if len(entries) == 0 {
		return func(string) bool { return false }
	}
	holds := func(list []conf.Client, client string) bool {
		for _, c := range list {
			if c.Net.Contains(netip.MustParseAddr(client)) {
				return true
			}
		}
		return false
	}
	k := entries[0].Keys
	if k.Has("sensor") {
		return func(string) bool { return false }
	}
	return func(client string) bool {
		return !holds(k.Deny, client) && (!k.Has("allow") || holds(k.Allow, client))
	}
}
