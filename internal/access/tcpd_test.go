package access

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// patternTests tell, for a list of clients, whether tcp_wrappers 7.6.q finds a client
// without a name in it, and what we answer if that is different.
var patternTests = []struct {
	list, client string
	tcpd         bool
	ours         answer // when not what tcpd says
}{
	{"ALL", "10.7.0.1", true, 0},
	{"all", "10.7.0.1", true, 0},
	{"*", "10.7.0.1", true, 0},
	{"?", "10.7.0.1", false, unsure}, // its name may match
	{"10.7.0.1", "10.7.0.1", true, 0},
	{"10.7.0.2", "10.7.0.1", false, 0},
	{"010.7.0.1", "10.7.0.1", false, 0},
	{"10.", "10.7.0.1", true, 0},
	{"10.7.", "10.7.0.1", true, 0},
	{"10.7.0.", "10.7.0.1", true, 0},
	{"10.7.0.1.", "10.7.0.1", false, 0},
	{"1.", "10.7.0.1", false, 0},
	{"10", "10.7.0.1", false, unsure},
	{"10.7", "10.7.0.1", false, unsure},
	{"10.7.0", "10.7.0.1", false, unsure},
	{"10.8", "10.7.0.1", false, 0},
	{".1", "10.7.0.1", true, 0},
	{".0.1", "10.7.0.1", true, 0},
	{".10.7.0.1", "10.7.0.1", false, 0},
	{".", "10.7.0.1", false, 0},
	{"..", "10.7.0.1", false, 0},
	{"10.*", "10.7.0.1", true, 0},
	{"10.*", "11.7.0.1", false, 0},
	{"*.1", "10.7.0.1", true, 0},
	{"1?.7.0.1", "10.7.0.1", true, 0},
	{"10.7.0.1*", "10.7.0.1", true, 0},
	{"10.7.0.?*", "10.7.0.1", true, 0},
	{"10.7.0.1?", "10.7.0.1", false, 0},
	{"*.*.*.*.*", "10.7.0.1", false, unsure},
	{"10.*/8", "10.7.0.1", false, 0},

	{"10.7.0.0/24", "10.7.0.1", true, 0},
	{"10.7.0.0/024", "10.7.0.1", true, 0},
	{"10.7.0.0/24x", "10.7.0.1", true, unsure},
	{"10.7.0.1/24", "10.7.0.1", false, unsure},
	{"10.7.0.1/24", "10.7.1.1", false, 0},
	{"10.7.0.1/32", "10.7.0.1", true, 0},
	{"10.7.0.1/33", "10.7.0.1", false, 0},
	{"10.7.0.1/", "10.7.0.1", false, 0},
	{"10.7.0.1/x", "10.7.0.1", false, 0},
	{"10.7.0.0/99999999999999999999", "10.7.0.1", false, 0},
	{"10.7.0.1/-1", "10.7.0.1", false, 0},
	{"10.7.0/24", "10.7.0.1", false, 0},
	{"0.0.0.0/0", "10.7.0.1", false, unsure},
	{"0.0.0.0/0.0.0.0", "10.7.0.1", true, 0},
	{"10.0.0.0/255.0.0.0", "10.7.0.1", true, 0},
	{"10.0.0.0/255.0.255.0", "10.7.0.1", true, 0},
	{"10.0.1.0/255.0.255.0", "10.7.0.1", false, 0},
	{"10.7.0.1/255.255.255.0", "10.7.0.1", false, unsure},
	{"10.7.0.1/255.255.255.255", "10.7.0.1", false, unsure},
	{"10.7.0.0/255.255.255.256", "10.7.0.1", false, 0},
	{"10.7.0.1/0", "10.7.0.1", false, unsure},
	{"[10.7.0.1]", "10.7.0.1", false, 0},
	{"[::ffff:10.7.0.1]", "10.7.0.1", false, 0},
	{"[::ffff:10.0.0.0]/104", "10.7.0.1", false, 0},
	{"[::]/0", "10.7.0.1", false, 0},
	{"[::1", "10.7.0.1", false, 0},

	{"ALL EXCEPT 10.", "10.7.0.1", false, 0},
	{"ALL except 10.", "10.7.0.1", false, 0},
	{"ALL EXCEPT 11.", "10.7.0.1", true, 0},
	{"ALL EXCEPT 10. EXCEPT 10.7.", "10.7.0.1", true, 0},
	{"ALL EXCEPT 10. EXCEPT 10.8.", "10.7.0.1", false, 0},
	{"ALL EXCEPT 10. EXCEPT 10.7. EXCEPT 10.7.0.1", "10.7.0.1", false, 0},
	{"10. EXCEPT", "10.7.0.1", true, 0},
	{"EXCEPT 10.", "10.7.0.1", false, 0},
	{"ALL EXCEPT 11.,EXCEPT,10.", "10.7.0.1", true, 0},
	{"ALL EXCEPT EXCEPT 10.", "10.7.0.1", true, 0},
	{"ALL EXCEPT 10.7.0.1/24", "10.7.0.1", true, unsure},
	{"11.,,10.", "10.7.0.1", true, 0},
	{"11.,\t10.", "10.7.0.1", true, 0},
	{" , ", "10.7.0.1", false, 0},
	{"", "10.7.0.1", false, 0},

	{"UNKNOWN", "10.7.0.1", true, 0},
	{"unknown", "10.7.0.1", true, 0},
	{"KNOWN", "10.7.0.1", false, 0},
	{"PARANOID", "10.7.0.1", false, 0},
	{"LOCAL", "10.7.0.1", false, unsure},
	{".example.com", "10.7.0.1", false, unsure},
	{"host.example.com", "10.7.0.1", false, unsure},
	{"host.", "10.7.0.1", false, unsure},
	{"h*", "10.7.0.1", false, unsure},
	{"ALL EXCEPT .example.com", "10.7.0.1", true, unsure},
	{"@group", "10.7.0.1", false, unsure},

	{"ALL", "unknown", true, 0},
	{"*", "unknown", true, unsure},
	{"UNKNOWN", "unknown", true, 0},
	{"KNOWN", "unknown", false, 0},
	{"LOCAL", "unknown", false, unsure},
	{"PARANOID", "unknown", false, 0},
	{"10.", "unknown", false, unsure},
	{"10.0.0.0/8", "unknown", false, unsure},
	{"ALL EXCEPT UNKNOWN", "unknown", false, 0},
	{"PARANOID", "paranoid", true, 0},
	{"UNKNOWN", "paranoid", true, 0}, // its address is
	{"KNOWN", "paranoid", false, 0},
	{"ALL", "paranoid", true, 0},
	{".example.com", "paranoid", false, unsure},

	{"bob@10.", "bob@10.7.0.1", true, 0},
	{"BOB@10.", "bob@10.7.0.1", true, 0},
	{"bob@11.", "bob@10.7.0.1", false, 0},
	{"alice@10.", "bob@10.7.0.1", false, 0},
	{"b*@10.", "bob@10.7.0.1", true, 0},
	{".ob@10.", "bob@10.7.0.1", false, 0},
	{"KNOWN@10.", "bob@10.7.0.1", true, 0},
	{"UNKNOWN@10.", "bob@10.7.0.1", false, 0},
	{"ALL@ALL", "bob@10.7.0.1", true, 0},
	{"LOCAL@ALL", "bob@10.7.0.1", false, 0},
	{"@10.", "bob@10.7.0.1", false, unsure},
	{"bob@", "bob@10.7.0.1", false, 0},
	{"alice@h@10.", "bob@10.7.0.1", false, 0},
	{"KNOWN@ALL", "10.7.0.1", false, 0},
	{"UNKNOWN@ALL", "10.7.0.1", true, 0},
	{"bob@10.", "10.7.0.1", false, 0},
}

// ruleTests are whole files, and what tcp_wrappers 7.6.q says. We say the same, or
// deny.
var ruleTests = []struct {
	allow, deny, daemon, client string
	tcpd                        string
	ours                        string // when not what tcpd says
}{
	{"", "", "d", "10.7.0.1", "granted", ""},
	{"", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"d: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"D: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"e: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"e d: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"e,d: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL EXCEPT d: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"in.*: ALL\n", "ALL: ALL\n", "in.ftpd", "10.7.0.1", "granted", ""},
	{".ftpd: ALL\n", "ALL: ALL\n", "in.ftpd", "10.7.0.1", "granted", ""},
	{"in.: ALL\n", "ALL: ALL\n", "in.ftpd", "10.7.0.1", "granted", ""},
	{"KNOWN: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"LOCAL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"@d: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"d@: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"d@ALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"d@127.0.0.1: ALL\n", "ALL: ALL\n", "d@127.0.0.1", "10.7.0.1", "granted", ""},
	{"d@127.: ALL\n", "ALL: ALL\n", "d@127.0.0.1", "10.7.0.1", "granted", ""},
	{"d@10.: ALL\n", "ALL: ALL\n", "d@127.0.0.1", "10.7.0.1", "denied", ""},
	{"d@127.0.0.0/8: ALL\n", "ALL: ALL\n", "d@127.0.0.1", "10.7.0.1", "granted", ""},
	{"d: 10.\nd: ALL: DENY\n", "", "d", "10.7.0.1", "granted", ""},
	{"d: 10.\nd: ALL: DENY\n", "", "d", "11.7.0.1", "denied", ""},
	{"", "d: 10.: ALLOW\nd: ALL\n", "d", "10.7.0.1", "granted", ""},

	{"# ALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{" # ALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", "denied"},
	{"", " # ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"#c \\\nALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"ALL: \\\n ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: A\\\nLL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: \\\r\n ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: \\\r\n ALL\n", "d", "10.7.0.1", "granted", "denied"},
	{"ALL: ALL\r\n", "ALL: ALL\r\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: ALL", "d", "10.7.0.1", "denied", ""},
	{"", "x: 1.2.3.4", "d", "10.7.0.1", "denied", ""},
	{"", "x: 1.2.3.4\n# end", "d", "10.7.0.1", "denied", ""},
	{"x: 1.2.3.4\n# end", "", "d", "10.7.0.1", "granted", ""},
	{"ALL ALL\nALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"", "ALL ALL\n", "d", "10.7.0.1", "granted", ""},
	{"\n \t\nALL: ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"d: ALL ] : deny\n", "", "d", "10.7.0.1", "granted", ""},
	{"d: ALL [[] : deny\n", "", "d", "10.7.0.1", "granted", ""},
	{"d: ALL ][ : deny\n", "", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: ALL\\\n", "d", "10.7.0.1", "denied", ""},
	{"", "x: ALL \\\r\nALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{": ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: ::1\n", "d", "10.7.0.1", "granted", ""},
	{"d: [10.7.0.1 : ALL\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},

	{"ALL: ALL: allow\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: deny\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL:\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: allow:\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: allow: deny\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL:: allow\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: nosuch\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: 11.: nosuch\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: allow now\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: allow =\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: = allow\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: twist /bin/echo %h\n", "", "d", "10.7.0.1", "delegated", "granted"},
	{"", "ALL: ALL: twist = /bin/echo\n", "d", "10.7.0.1", "delegated", "denied"},
	{"ALL: ALL: twist /bin/echo: allow\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: spawn a\\:b: allow\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: spawn\n", "", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: ALL: spawn x\n", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: ALL: (x -l @%h | y) &\n", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: /bin/echo x\n", "", "d", "10.7.0.1", "denied", "granted"},
	{"ALL: ALL: severity mail.info\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: severity Notice\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: severity authpriv.info\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: severity mail.\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: severity .info\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: severity warn\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: umask 022\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: umask = 022 : allow\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: umask==022\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: umask 08\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: umask 1777\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: nice\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: nice -5\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: nice x\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: linger 5\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: linger -1\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: keepalive\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: keepalive 1\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: rfc931 0\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: setenv A b c\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: setenv A\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: setenv A=b c\n", "", "d", "10.7.0.1", "denied", ""},
	{"ALL: ALL: aclexec /bin/true\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL: nice 5 \\\n: allow\n", "", "d", "10.7.0.1", "granted", ""},
	{"ALL: FILES/addresses\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: FILES/addresses\n", "ALL: ALL\n", "d", "10.7.0.2", "denied", ""},
	{"ALL: FILES/nested\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: FILES/commas\n", "ALL: ALL\n", "d", "10.7.0.1", "denied", ""},
	{"ALL: FILES/comment\n", "ALL: ALL\n", "d", "10.7.0.1", "granted", "denied"},
	{"", "ALL: FILES/comment\n", "d", "10.7.0.1", "denied", ""},
	{"", "ALL: FILES/missing\n", "d", "10.7.0.1", "granted", ""},
	{"ALL: ALL@FILES/addresses\n", "ALL: ALL\n", "d", "bob@10.7.0.1", "granted", ""},
	{"d@FILES/nested: ALL\n", "ALL: ALL\n", "d@127.0.0.1", "10.7.0.1", "granted", ""},
}

var patternFiles = map[string]string{
	"addresses": "11.\n10.7.0.1",
	"nested":    "127. FILES/addresses\n",
	"commas":    "11.,10.7.0.1\n",
	"comment":   "# once 10.7.0.1 too\n",
}

// writePatternFiles returns a function that puts their folder into a text.
func writePatternFiles(t *testing.T) func(string) string {
	dir := t.TempDir()
	place := func(s string) string { return strings.ReplaceAll(s, "FILES", dir) }
	for name, text := range patternFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(place(text)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return place
}

// query returns the Query for a daemon and a client as tcpdmatch(8) writes them.
func query(daemon, client string) Query {
	q := Query{NameState: Unknown}
	var server string
	q.Daemon, server, _ = strings.Cut(daemon, "@")
	user, host, ok := strings.Cut(client, "@")
	if ok {
		q.User = user
	} else {
		host = user
	}
	if addr, err := netip.ParseAddr(server); err == nil {
		q.Local = netip.AddrPortFrom(addr, 23)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		q.Peer = netip.AddrPortFrom(addr, 1023)
	}
	if host == "paranoid" {
		q.NameState = Mismatch
	}
	return q
}

func check(allow, deny, daemon, client string) Verdict {
	tables, _ := ParseHosts("hosts.allow", []byte(allow), "hosts.deny", []byte(deny))
	tables.ReadFile = os.ReadFile
	return tables.Check(query(daemon, client))
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, tt := range patternTests {
		want := tt.ours
		if want == no {
			want = answerTo(tt.tcpd)
		}
		rule := "ALL: " + tt.list + "\n"
		if got := check(rule, "ALL: ALL\n", "d", tt.client).Allow; got != (want == yes) {
			t.Errorf("hosts.allow %q, client %s: allow = %t, want %t", rule, tt.client, got, want == yes)
		}
		if got := check("", rule, "d", tt.client).Allow; got != (want == no) {
			t.Errorf("hosts.deny %q, client %s: allow = %t, want %t", rule, tt.client, got, want == no)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	place := writePatternFiles(t)
	for _, tt := range ruleTests {
		want := tt.tcpd
		if tt.ours != "" {
			want = tt.ours
		}
		v := check(place(tt.allow), place(tt.deny), tt.daemon, tt.client)
		if v.Allow != (want == "granted") || v.NeedName {
			t.Errorf("allow %q, deny %q, %s from %s: %+v, want %s", tt.allow, tt.deny, tt.daemon, tt.client, v, want)
		}
	}
}

// TestTcpdmatch checks what the tables above say of tcp_wrappers with the real one.
func TestTcpdmatch(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tcpdmatch"); err != nil {
		t.Skip("no tcpdmatch (Debian: apt-get install tcpd)")
	}
	place := writePatternFiles(t)
	pairs := 0
	ask := func(allow, deny, daemon, client, want string) {
		t.Helper()
		pairs++
		if got := tcpdmatch(t, place(allow), place(deny), daemon, client); got != want {
			t.Errorf("allow %q, deny %q, %s from %s: tcpdmatch says %s, the table %s", allow, deny, daemon, client, got, want)
		}
	}
	for _, tt := range patternTests {
		inAllow, inDeny := "denied", "granted"
		if tt.tcpd {
			inAllow, inDeny = "granted", "denied"
		}
		ask("ALL: "+tt.list+"\n", "ALL: ALL\n", "d", tt.client, inAllow)
		ask("", "ALL: "+tt.list+"\n", "d", tt.client, inDeny)
	}
	for _, tt := range ruleTests {
		ask(tt.allow, tt.deny, tt.daemon, tt.client, tt.tcpd)
	}
	t.Logf("%d pairs of rules and queries", pairs)
}

// tcpdmatch returns granted, denied or delegated.
func tcpdmatch(t *testing.T, allow, deny, daemon, client string) string {
	dir := t.TempDir()
	for name, text := range map[string]string{"hosts.allow": allow, "hosts.deny": deny, "inetd.conf": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("tcpdmatch", "-d", "-i", "inetd.conf", daemon, client)
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	_, verdict, _ := strings.Cut(string(out), "access:")
	fields := strings.Fields(verdict)
	if len(fields) == 0 {
		t.Fatalf("tcpdmatch %s %s says nothing: %s", daemon, client, out)
	}
	return fields[0]
}
