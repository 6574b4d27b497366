package access

import (
	"errors"
	"io/fs"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	anyone   = Query{Daemon: "in.ftpd", Service: "ftp", Peer: netip.MustParseAddrPort("10.7.0.1:1023")}
	nobody   = with(anyone, func(q *Query) { q.NameState = Unknown })
	liar     = with(anyone, func(q *Query) { q.NameState = Mismatch })
	friend   = with(anyone, func(q *Query) { q.NameState, q.PeerName = Confirmed, "Host.Example.COM." })
	near     = with(anyone, func(q *Query) { q.NameState, q.PeerName = Confirmed, "neighbour" })
	local    = Query{Daemon: "in.ftpd", Service: "ftp", UnixPeer: true}
	sixer    = Query{Daemon: "in.ftpd", Service: "ftp", Peer: netip.MustParseAddrPort("[2001:db8::5]:1")}
	linked   = Query{Daemon: "in.ftpd", Service: "ftp", Peer: netip.MustParseAddrPort("[fe80::1%eth0]:1")}
	mapped   = Query{Daemon: "in.ftpd", Service: "ftp", Peer: netip.MustParseAddrPort("[::ffff:10.7.0.1]:1")}
	stranger = Query{Daemon: "in.ftpd", Service: "ftp"}
)

func with(q Query, change func(*Query)) Query {
	change(&q)
	return q
}

// The answers that a rule can get: in hosts.allow, then in hosts.deny.
var outcomes = map[answer][2]string{
	no:      {"denied", "allowed"},
	unsure:  {"denied", "denied"},
	unasked: {"ask", "ask"},
	yes:     {"allowed", "denied"},
}

func outcome(v Verdict) string {
	switch {
	case v.NeedName && !v.Allow:
		return "ask"
	case v.NeedName:
		return "allowed, but asks for a name"
	case v.Allow:
		return "allowed"
	default:
		return "denied"
	}
}

// names are lists of clients, who asks, and the answer.
var names = []struct {
	list string
	q    Query
	want answer
}{
	{"ALL", anyone, yes},
	{".example.com", anyone, unasked},
	{".example.com", friend, yes},
	{".example.com", near, no},
	{".example.com", nobody, unsure},
	{".example.com", liar, unsure},
	{"host.example.com", friend, yes},
	{"HOST.*", friend, yes},
	{"host.", friend, yes},
	{"10.*", with(friend, func(q *Query) { q.PeerName, q.Peer = "10.example.com", sixer.Peer }), no},
	{"10.7.0.1", friend, yes},

	{"10., .example.com", anyone, yes}, // the address decides
	{".example.com, 10.", anyone, yes},
	{".example.com EXCEPT 10.", anyone, no},
	{"ALL EXCEPT .example.com", anyone, unasked},
	{"ALL EXCEPT .example.com", friend, no},
	{"ALL EXCEPT .example.com", near, yes},
	{"ALL EXCEPT .example.com", nobody, unsure},

	{"LOCAL", anyone, unasked},
	{"LOCAL", near, yes},
	{"LOCAL", friend, no},
	{"KNOWN", anyone, unasked},
	{"KNOWN", friend, yes},
	{"KNOWN", nobody, no},
	{"KNOWN", liar, no},
	{"UNKNOWN", anyone, unasked},
	{"UNKNOWN", friend, no},
	{"UNKNOWN", nobody, yes},
	{"UNKNOWN", liar, no},
	{"PARANOID", anyone, unasked},
	{"PARANOID", friend, no},
	{"PARANOID", nobody, no},
	{"PARANOID", liar, yes},
	{"@group", anyone, unsure}, // a name would not help

	{"ALL", local, yes},
	{"UNKNOWN", local, yes},
	{"KNOWN", local, no},
	{"LOCAL", local, no},
	{"PARANOID", local, no},
	{".example.com", local, no},
	{"10.", local, no},
	{"0.0.0.0/0.0.0.0", local, no},
	{"[::]/0", local, no},
	{".example.com", stranger, unsure}, // no address to ask about
	{"UNKNOWN", stranger, yes},
	{"10.", stranger, unsure},

	{"10.", mapped, yes},
	{"10.0.0.0/8", mapped, yes},
	{"[2001:db8::5]", sixer, yes},
	{"[2001:DB8:0:0::5]", sixer, yes},
	{"[2001:db8::6]", sixer, no},
	{"[2001:db8::]/32", sixer, yes},
	{"[2001:db8::ff]/32", sixer, yes}, // host bits may be set
	{"[2001:db9::]/32", sixer, no},
	{"[::]/0", sixer, yes},
	{"[::]/0", anyone, no},
	{"[2001:db8::]/32x", sixer, unsure},
	{"[::]/", sixer, unsure},
	{"0.0.0.0/0.0.0.0", sixer, no},
	{"2001:db8::5", sixer, unsure},
	{"2001:db8::/32", sixer, unsure},
	{"2001:db9::/32", sixer, no},
	{"[fe80::]/10", linked, yes},
	{"[fe80::1]", linked, yes},
	{"[fe80::1%eth0]", linked, yes},
	{"[fe80::1%eth1]", linked, unsure},
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range names {
		bothWays(t, "ALL: "+tt.list+"\n", tt.q, tt.want)
	}
}

// bothWays checks the outcome of a rule in hosts.allow, with nobody else let
// in, and in hosts.deny.
func bothWays(t *testing.T, rule string, q Query, want answer) {
	t.Helper()
	inAllow, _ := ParseHosts("hosts.allow", []byte(rule), "hosts.deny", []byte("ALL: ALL\n"))
	if got := outcome(inAllow.Check(q)); got != outcomes[want][0] {
		t.Errorf("hosts.allow %q: %s, want %s, for %+v", rule, got, outcomes[want][0], q)
	}
	inDeny, _ := ParseHosts("hosts.allow", nil, "hosts.deny", []byte(rule))
	if got := outcome(inDeny.Check(q)); got != outcomes[want][1] {
		t.Errorf("hosts.deny %q: %s, want %s, for %+v", rule, got, outcomes[want][1], q)
	}
}

func TestDaemons(t *testing.T) {
	t.Parallel()
	here := func(name string) Query {
		return with(nobody, func(q *Query) { q.Local, q.LocalName = netip.MustParseAddrPort("[::ffff:192.0.2.1]:21"), name })
	}
	unresolved := with(here(""), func(q *Query) { q.NameState = NotAsked })
	tests := []struct {
		list string
		q    Query
		want answer
	}{
		{"in.ftpd", nobody, yes},
		{"IN.FTPD", nobody, yes},
		{"in.telnetd", nobody, no},
		{"21", here(""), yes},
		{"021", here(""), yes},
		{"22", here(""), no},
		{"2*", here(""), no},
		{"65557", here(""), no}, // 21 + 65536
		{"in.ftpd@192.0.2.1", here(""), yes},
		{"21@192.0.2.0/24", here(""), yes},
		{"in.ftpd@192.0.3.", here(""), no},
		{"in.ftpd@www.example.com", here("www.example.com"), yes},
		{"in.ftpd@www.example.com", here("ftp.example.com"), no},
		{"in.ftpd@www.example.com", here(""), unsure},
		{"in.ftpd@www.example.com", unresolved, unasked},
		{"in.telnetd@www.example.com", unresolved, no},
		{"in.ftpd@192.0.2.1", nobody, unsure}, // this end is not known
		{"in.ftpd@192.0.2.1", local, no},
		{"ALL EXCEPT in.ftpd@192.0.2.1", here(""), no},
	}
	for _, tt := range tests {
		bothWays(t, tt.list+": ALL\n", tt.q, tt.want)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, allow, deny string
		q                 Query
		want              Verdict
	}{
		{"no rule", "", "", anyone, Verdict{Allow: true}},
		{"allowed", "\nALL: \\\n  10.\n", "", anyone, Verdict{Allow: true, File: "a", Line: 2, Rule: "ALL: 10."}},
		{"denied", "", "#\nALL:\tALL\n", anyone, Verdict{File: "d", Line: 2, Rule: "ALL: ALL"}},
		{"name wanted", "", "ALL: .evil.example\n", anyone,
			Verdict{File: "d", Line: 1, Rule: "ALL: .evil.example", NeedName: true}},
		{"name missing", "", "ALL: .evil.example\n", nobody,
			Verdict{File: "d", Line: 1, Rule: "ALL: .evil.example", Note: "d:1 cannot be decided: peer name is not known"}},
		{"name missing in hosts.allow", "ALL: .friend.example\n", "ALL: ALL\n", liar,
			Verdict{File: "d", Line: 1, Rule: "ALL: ALL", Note: "a:1 cannot be decided: peer name does not lead back to the address"}},
		{"no twist without a decision", "ALL: .friend.example: twist /bin/sh\nALL: ALL\n", "", nobody,
			Verdict{File: "a", Line: 1, Rule: "ALL: .friend.example: twist /bin/sh", Note: "a:1 cannot be decided: peer name is not known"}},
		{"no options without a decision", "", "ALL: .evil.example: spawn x\n", nobody,
			Verdict{File: "d", Line: 1, Rule: "ALL: .evil.example: spawn x", Note: "d:1 cannot be decided: peer name is not known"}},
		{"a rule that denies in hosts.allow", "ALL: .evil.example: deny\nALL: ALL\n", "", nobody,
			Verdict{File: "a", Line: 1, Rule: "ALL: .evil.example: deny", Note: "a:1 cannot be decided: peer name is not known"}},
		{"options before a bad one", "ALL: ALL: nice 5: nosuch: nice 6\n", "", anyone,
			Verdict{File: "a", Line: 1, Rule: "ALL: ALL: nice 5: nosuch: nice 6", Options: []Option{{"nice", "5", 5}}, Note: `unknown option "nosuch"`}},
		{"an expansion wants the name", "ALL: ALL: spawn echo %h\n", "", anyone,
			Verdict{File: "a", Line: 1, Rule: "ALL: ALL: spawn echo %h", NeedName: true}},
		{"an expansion without a name", "ALL: ALL: spawn echo %%h %a\n", "", anyone,
			Verdict{Allow: true, File: "a", Line: 1, Rule: "ALL: ALL: spawn echo %%h %a", Options: []Option{{"spawn", "echo %%h %a", 0}}}},
		{"cut off", "", "x: ALL\ny: ALL", anyone, Verdict{File: "d", Line: 2, Note: "no newline at the end of the file"}},
	}
	for _, tt := range tests {
		tables, _ := ParseHosts("a", []byte(tt.allow), "d", []byte(tt.deny))
		if diff := cmp.Diff(tt.want, tables.Check(tt.q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []Option
	}{
		{"allow", nil},
		{"severity mail.info", []Option{{"severity", "mail.info", 2<<3 | 6}}},
		{"SEVERITY Local7.Debug", []Option{{"severity", "Local7.Debug", 23<<3 | 7}}},
		{"severity emerg", []Option{{"severity", "emerg", 0}}},
		{"banners /etc/banners", []Option{{"banners", "/etc/banners", 0}}},
		{"nice", []Option{{"nice", "", 10}}},
		{"nice = -5", []Option{{"nice", "-5", -5}}},
		{"linger 30", []Option{{"linger", "30", 30}}},
		{"umask 022", []Option{{"umask", "022", 0o22}}},
		{"rfc931", []Option{{"rfc931", "", 0}}},
		{"rfc931=10", []Option{{"rfc931", "10", 10}}},
		{"user nobody.kmem", []Option{{"user", "nobody.kmem", 0}}},
		{"group kmem", []Option{{"group", "kmem", 0}}},
		{"keepalive", []Option{{"keepalive", "", 0}}},
		{"setenv A  b  c ", []Option{{"setenv", "A=b  c", 0}}},
		{"setenv A", []Option{{"setenv", "A=", 0}}},
		{`aclexec /bin/check %a\:%r`, []Option{{"aclexec", "/bin/check %a:%r", 0}}},
		{`spawn a\:b\\:c : twist PATH=/x; exec y`, []Option{{"spawn", `a:b\:c`, 0}, {"twist", "PATH=/x; exec y", 0}}},
		{"nice 1: umask 2 :allow", []Option{{"nice", "1", 1}, {"umask", "2", 2}}},
		{"(finger -l @%a | mail -s x:y root) &", []Option{{"spawn", "(finger -l @%a | mail -s x:y root) &", 0}}},
	}
	for _, tt := range tests {
		tables, _ := ParseHosts("a", []byte("ALL: ALL: "+tt.text+"\n"), "d", nil)
		v := tables.Check(anyone)
		if diff := cmp.Diff(tt.want, v.Options); diff != "" || !v.Allow {
			t.Errorf("options %q: allow = %t, options (-want +got):\n%s", tt.text, v.Allow, diff)
		}
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	read := func(path string) ([]byte, error) {
		switch path {
		case "/loop":
			return []byte("/loop\n"), nil
		case "/list":
			return []byte("11.\n.example.com 2001:db8::5\n"), nil
		case "/six":
			return []byte("2001:db8::5 2001:db8:* 10.1.1.1 10.*\n"), nil
		case "/addresses":
			return []byte("# of .example.com\n11.\n"), nil
		case "/unusual":
			return []byte("2001:DB8:0:0::5\n"), nil
		case "/missing":
			return nil, fs.ErrNotExist
		default:
			return nil, errors.New(path + ": permission denied")
		}
	}
	tests := []struct {
		path string
		read func(string) ([]byte, error)
		q    Query
		want answer
	}{
		{"/list", read, friend, yes},
		{"/list", read, near, no},
		{"/list", read, anyone, unasked},
		{"/list", read, sixer, yes},
		{"/six", read, linked, no},        // no address is a name
		{"/unusual", read, sixer, unsure}, // tcp_wrappers compares text
		{"/addresses", read, anyone, no},
		{"/addresses", read, nobody, no},
		{"/missing", read, anyone, no},
		{"/secret", read, anyone, unsure},
		{"/loop", read, anyone, unsure},
		{"/list", nil, anyone, unsure},
	}
	for _, tt := range tests {
		tables, _ := ParseHosts("a", nil, "d", []byte("ALL: "+tt.path+"\n"))
		tables.ReadFile = tt.read
		if got, want := outcome(tables.Check(tt.q)), outcomes[tt.want][1]; got != want {
			t.Errorf("hosts.deny with %s: %s, want %s, for %+v", tt.path, got, want, tt.q)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	full := Query{
		Daemon: "in.ftpd", User: "u$r", NameState: Confirmed, PeerName: "h;x(y", LocalName: "srv",
		Peer: netip.MustParseAddrPort("10.7.0.1:1023"), Local: netip.MustParseAddrPort("192.0.2.1:21"),
	}
	tests := []struct {
		cmd  string
		q    Query
		want string
	}{
		{"%a %A %r %R %p", full, "10.7.0.1 192.0.2.1 1023 21 7"},
		{"%c", full, "u_r@h_x_y"},
		{"%d %s", full, "in.ftpd in.ftpd@srv"},
		{"%h %H %n %N %u", full, "h_x_y srv h_x_y srv u_r"},
		{"%c %h %n %u %N %H %s", liar, "10.7.0.1 10.7.0.1 paranoid unknown unknown unknown in.ftpd"},
		{"%c %h %n %a", local, "unknown unknown unknown unknown"},
		{"%a", linked, "fe80::1%eth0"},
		{"100%% %z|$(x) %", full, "100% |$(x) %"},
		{"%%h", full, "%h"},
		{"", full, ""},
	}
	for _, tt := range tests {
		if got := Expand(tt.cmd, tt.q, 7); got != tt.want {
			t.Errorf("Expand(%q) = %q, want %q", tt.cmd, got, tt.want)
		}
	}
}
