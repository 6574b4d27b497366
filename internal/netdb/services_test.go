package netdb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inetd/internal/golden"
)

// TestServicesGolden reads the services files of other systems.
func TestServicesGolden(t *testing.T) {
	files, err := filepath.Glob("../../testdata/services/*.services")
	if err != nil || len(files) == 0 {
		t.Fatalf("no services files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(ParseServices(string(text)))
			golden.Compare(t, strings.TrimSuffix(file, ".services")+".golden", got)
		})
	}
}

func dump(s *Services) string {
	var b strings.Builder
	for _, e := range s.list {
		v := e.servent()
		fmt.Fprintf(&b, "%q %d/%s %q\n", v.Name, v.Port, v.Proto, v.Aliases)
	}
	return b.String()
}

const sample = `
echo       7/tcp
echo       7/udp
ftp       21/tcp
telnet    23/tcp
smtp      25/tcp   mail
domain    53/tcp
domain    53/udp
tftp      69/udp
sigtran 2905/sctp
first   1001/tcp   both
both    1002/tcp   first
mail    1003/tcp
`

func TestByName(t *testing.T) {
	t.Parallel()
	s := ParseServices(sample)
	tests := []struct {
		name, proto string
		want        string // of the servent, as NAME PORT/PROTO
	}{
		{"telnet", "tcp", "telnet 23/tcp"},
		{"telnet", "udp", ""},
		{"Telnet", "tcp", ""}, // case matters in services(5)
		{"echo", "udp", "echo 7/udp"},
		{"mail", "tcp", "smtp 25/tcp"},     // an alias before the name of a later entry
		{"first", "tcp", "first 1001/tcp"}, // a name before a later alias
		{"both", "tcp", "first 1001/tcp"},
		{"sigtran", "sctp", "sigtran 2905/sctp"},
		{"sigtran", "tcp", ""}, // no protocol uses the ports of sctp
		{"echo", "sctp", "echo 7/tcp"},
		{"echo", "mptcp", "echo 7/tcp"},
		{"echo", "dccp", "echo 7/udp"},
		{"tftp", "udplite", "tftp 69/udp"},
		{"tftp", "mptcp", ""},
		{"", "tcp", ""},
		{"23", "tcp", ""},
		{"echo", "", ""},
	}
	for _, tt := range tests {
		got := ""
		if e, ok := s.ByName(tt.name, tt.proto); ok {
			got = fmt.Sprintf("%s %d/%s", e.Name, e.Port, e.Proto)
		}
		if got != tt.want {
			t.Errorf("ByName(%q, %q) = %q, want %q", tt.name, tt.proto, got, tt.want)
		}
	}
}

func TestParseServent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want Servent // without a name: none
	}{
		{"telnet                23/tcp", Servent{"telnet", []string{}, 23, "tcp"}},
		{"discard               9/udp sink null\n", Servent{"discard", []string{"sink", "null"}, 9, "udp"}},
		{"ndav_telnet\t9999/TCP\r\n", Servent{"ndav_telnet", []string{}, 9999, "tcp"}},
		{" indented 65535,udp#comment", Servent{"indented", []string{}, 65535, "udp"}},
		{"zero 0/tcp", Servent{}},
		{"large 65536/tcp", Servent{}},
		{"sign +1/tcp", Servent{}},
		{"hex 0x10/tcp", Servent{}},
		{"noproto 5/", Servent{}},
		{"noproto 5", Servent{}},
		{"noport /tcp", Servent{}},
		{"name", Servent{}},
		{"#telnet 23/tcp", Servent{}},
		{"telnet #23/tcp", Servent{}},
		{"", Servent{}},
	}
	for _, tt := range tests {
		got, ok := ParseServent(tt.line)
		if ok != (tt.want.Name != "") {
			t.Errorf("ParseServent(%q) says %v", tt.line, ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ParseServent(%q) differs (-want +got):\n%s", tt.line, diff)
		}
	}
}

// TestFault: a skipped line that was meant to be an entry gets a reason.
func TestFault(t *testing.T) {
	t.Parallel()
	s := ParseServices(`# comment 5000
good 1/tcp
noproto 5000 other
slash 5000/
large 70000/tcp
huge 99999999999999999999/udp
zero 0/tcp
text tcp/5000
lone
good
`)
	tests := []struct {
		name  string
		line  int
		fault string
	}{
		{"noproto", 3, "has no protocol: write 5000/tcp or 5000/udp there"},
		{"other", 3, "has no protocol: write 5000/tcp or 5000/udp there"},
		{"slash", 4, "has no protocol: write 5000/tcp or 5000/udp there"},
		{"large", 5, "has the port 70000: 1 to 65535 are possible"},
		{"huge", 6, "has the port 99999999999999999999: 1 to 65535 are possible"},
		{"zero", 7, "has the port 0: 1 to 65535 are possible"},
		{"text", 8, `has "tcp/5000" where PORT/PROTOCOL should be`},
		{"lone", 9, "has no port: write NAME PORT/PROTOCOL there"},
		{"good", 10, "has no port: write NAME PORT/PROTOCOL there"},
		{"comment", 0, ""},
		{"none", 0, ""},
	}
	for _, tt := range tests {
		if line, fault := s.Fault(tt.name); line != tt.line || fault != tt.fault {
			t.Errorf("Fault(%q) = %d, %q, want %d, %q", tt.name, line, fault, tt.line, tt.fault)
		}
	}
	if s.Empty() || !ParseServices("# nothing\n").Empty() {
		t.Error("Empty is wrong")
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	s := ParseServices(sample)
	tests := []struct{ name, proto, want string }{
		{"telent", "tcp", "did you mean telnet (23/tcp)?"},
		{"TELNET", "tcp", "did you mean telnet (23/tcp)?"},
		{"tftp", "tcp", "tftp exists for udp only (69/udp)"},
		{"tftp", "mptcp", "tftp exists for udp only (69/udp)"},
		{"domain", "sctpx", "domain exists for tcp and udp only (53/tcp, 53/udp)"},
		{"mail", "udp", "mail exists for tcp only (25/tcp)"},
		{"maill", "tcp", "did you mean mail (25/tcp)?"},
		{"ecoh", "udp", "did you mean echo (7/udp)?"},
		{"ecoh", "sctp", "did you mean echo (7/tcp)?"},                             // sctp uses the ports of tcp
		{"tfttp", "tcp", "did you mean tftp, which exists for udp only (69/udp)?"}, // nearer than ftp
		{"tfp", "udp", "did you mean tftp (69/udp)?"},                              // as near as ftp, but udp has it
		{"telnet", "tcp", ""},
		{"backdoor", "tcp", ""},
		{"", "tcp", ""},
	}
	for _, tt := range tests {
		if got := s.Suggest(tt.name, tt.proto); got != tt.want {
			t.Errorf("Suggest(%q, %q) = %q, want %q", tt.name, tt.proto, got, tt.want)
		}
	}
}
