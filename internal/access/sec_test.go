package access

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecHosts(t *testing.T) {
	t.Parallel()
	at := func(addr string) Query {
		return Query{Service: "ftp", Peer: netip.AddrPortFrom(netip.MustParseAddr(addr), 1023)}
	}
	tests := []struct {
		hosts string
		q     Query
		want  answer
	}{
		{"*", anyone, yes},
		{"*", sixer, yes},
		{"*", local, yes},
		{"10.7.0.1", anyone, yes},
		{"10.7.0.1", mapped, yes},
		{"::ffff:10.7.0.1", anyone, yes},
		{"10.7.0.2", anyone, no},
		{"10.7.0.2\t10.7.0.1", anyone, yes},
		{"10", anyone, yes},
		{"10.*", anyone, yes},
		{"10.*.*.1", anyone, yes},
		{"*.7", anyone, yes},
		{"*.8", anyone, no},
		{"10.3-5", at("10.3.0.0"), yes},
		{"10.3-5", at("10.5.255.255"), yes},
		{"10.3-5", at("10.2.255.255"), no},
		{"10.3-5", at("10.6.0.0"), no},
		{"15.13.2-12.0", at("15.13.12.200"), yes}, // a network
		{"15.13.0.0", at("15.13.12.200"), yes},
		{"15.0.0.1", at("15.13.12.200"), no},
		{"0.0.0.0", at("10.0.0.1"), no},
		{"10.7.0.1", sixer, no},
		{"10.7.0.1", local, no},
		{"10.7.0.1", stranger, unsure},
		{"2001:db8::5", sixer, yes},
		{"2001:db8::/32", sixer, yes},
		{"2001:db8::/32", anyone, no},
		{"fe80::/10", linked, yes},
		{"10.8", local, no},

		{"host.example.com", anyone, unasked},
		{"host.example.com", friend, yes},
		{"host.example.com.", friend, yes},
		{"host", friend, no},
		{"Neighbour", near, yes},
		{"host.example.com", nobody, unsure},
		{"host.example.com", liar, unsure},
		{"host.example.com 10.7", anyone, yes}, // the address decides
		{"10.5*", anyone, unsure},
		{"10.5* 10.7", anyone, yes},
		{"10.256", anyone, unsure},
		{"10.5-3", anyone, unsure},
		{"10..7", anyone, unsure},
		{"10.7.0.1/8", anyone, unsure},
		{"1.2.3.4.5", anyone, unsure},
	}
	for _, tt := range tests {
		for i, permission := range []string{"allow", "deny"} {
			line := "ftp " + permission + " " + tt.hosts
			sec, _ := ParseSec("inetd.sec", []byte(line+"\n"))
			if got, want := outcome(sec.Check(tt.q)), outcomes[tt.want][i]; got != want {
				t.Errorf("%q: %s, want %s, for %+v", line, got, want, tt.q)
			}
		}
	}
}

func TestSecLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       Verdict
	}{
		{"no line", "telnet deny *\n", Verdict{Allow: true}},
		{"an alias", "FTP deny *\n", Verdict{Allow: true}},
		{"the last line counts", "ftp deny *\nftp allow 10.*\n", Verdict{Allow: true, File: "s", Line: 2, Rule: "ftp allow 10.*"}},
		{"comment", "# ftp deny *\n", Verdict{Allow: true}},
		{"continued", "\nftp allow 11.* \\\n\t10.*\n", Verdict{Allow: true, File: "s", Line: 2, Rule: "ftp allow 11.* 10.*"}},
		{"indented, no newline", " ftp\tDeny *", Verdict{File: "s", Line: 1, Rule: "ftp Deny *"}},
		{"carriage returns", "ftp allow 10.*\r\n", Verdict{Allow: true, File: "s", Line: 1, Rule: "ftp allow 10.*"}},
		{"nobody listed", "ftp allow\n", Verdict{Allow: true, File: "s", Line: 1, Rule: "ftp allow"}},
		{"everybody denied", "ftp deny\n", Verdict{File: "s", Line: 1, Rule: "ftp deny"}},
		{"no permission", "ftp\n", Verdict{File: "s", Line: 1, Rule: "ftp", Note: "neither allow nor deny"}},
		{"bad permission", "ftp alow *\n", Verdict{File: "s", Line: 1, Rule: "ftp alow *", Note: `"alow" is neither allow nor deny`}},
		{"name wanted", "ftp deny ahost\n", Verdict{File: "s", Line: 1, Rule: "ftp deny ahost", NeedName: true}},
		{"bad address", "ftp deny 10.5*\n", Verdict{File: "s", Line: 1, Rule: "ftp deny 10.5*", Note: `cannot be decided: bad address "10.5*"`}},
	}
	for _, tt := range tests {
		sec, _ := ParseSec("s", []byte(tt.text))
		if diff := cmp.Diff(tt.want, sec.Check(anyone)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
