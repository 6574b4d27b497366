package conf

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const cat = "stream\ttcp\tnowait\troot\t/bin/cat\tcat\n"

// services returns n lines like those of a large file.
func services(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "127.0.0.1:%d\tstream\ttcp4\tnowait.200\tnobody:nogroup\t/usr/sbin/server\tserver --instance %d\n", 10000+i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{50, 5000} {
		b.Run(fmt.Sprintf("lines=%d", n), func(b *testing.B) {
			text := services(n)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if entries, problems := Parse("inetd.conf", text, nil); len(entries) != n || problems != nil {
					b.Fatalf("%d entries, problems %v", len(entries), problems)
				}
			}
		})
	}
}

func BenchmarkContinued(b *testing.B) {
	text := []byte("a\t" + strings.TrimSuffix(cat, "\n") + strings.Repeat("\n\targument", 100000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if entries, _ := Parse("inetd.conf", text, nil); len(entries) != 1 || len(entries[0].Argv) != 100001 {
			b.Fatalf("%d entries", len(entries))
		}
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	arg := func(n int) string { return "a\t" + strings.TrimSuffix(cat, "\n") + " " + strings.Repeat("x", n) }
	fits := arg(maxLine - len(arg(0)))
	tests := []struct {
		name, text string
		entries    int
		problem    string
	}{
		{"at the limit", fits + "\n", 1, ""},
		{"one more", "\n" + fits + "x\nb\t" + cat, 1, "f:2: line of 1048577 bytes, at most 1048576 are read"},
		{"its continuation goes with it", fits + "x\n\tand more\nb\t" + cat, 1, "f:1: line of 1048577 bytes, at most 1048576 are read"},
		{"many lines make a longer one", fits + "\n" + strings.Repeat("\tmore\n", 1000), 1, ""},
		{"comment", "#" + fits + "x\nb\t" + cat, 1, ""},
	}
	for _, tt := range tests {
		entries, problems := Parse("f", []byte(tt.text), nil)
		if len(entries) != tt.entries {
			t.Errorf("%s: %d entries, want %d", tt.name, len(entries), tt.entries)
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.String())
		}
		if strings.Join(got, "\n") != tt.problem {
			t.Errorf("%s: problems %q, want %q", tt.name, got, tt.problem)
		}
	}
}

func TestManyArguments(t *testing.T) {
	t.Parallel()
	text := "a\t" + strings.TrimSuffix(cat, "\n") + strings.Repeat(" x", 10000)
	entries, problems := Parse("f", []byte(text), nil)
	if len(entries) != 1 || len(entries[0].Argv) != 10001 || problems != nil {
		t.Errorf("%d entries, problems %v", len(entries), problems)
	}
}

// TestSlicesAreOwned checks that entries share nothing that an append could
// write into.
func TestSlicesAreOwned(t *testing.T) {
	t.Parallel()
	text := "1.2.3.4,1.2.3.5,1.2.3.6:\na/1\ttli\trpc/tcp,udp\twait\troot\t/bin/cat\tcat a b c d\n"
	entries, problems := Parse("f", []byte(text), nil)
	if len(entries) != 2 {
		t.Fatalf("%d entries, problems %v", len(entries), problems)
	}
	for _, e := range entries {
		if cap(e.Argv) != len(e.Argv) || cap(e.Hosts) != len(e.Hosts) {
			t.Errorf("%s: argv %d of %d, hosts %d of %d", e.Label(), len(e.Argv), cap(e.Argv), len(e.Hosts), cap(e.Hosts))
		}
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	deeper := func(from, pattern string) ([]*File, error) {
		return []*File{{Name: from + "/" + pattern, Text: ".include x"}}, nil
	}
	partly := func(from, pattern string) ([]*File, error) {
		return []*File{{Name: "good", Text: "b\t" + cat}}, errors.New("one of two is a directory")
	}
	tests := []struct {
		name, text string
		include    func(from, pattern string) ([]*File, error)
		entries    int
		problem    string
	}{
		{"none given", "a\t" + cat + ".include x", nil, 1, "f:2:1: .include is not possible here"},
		{"endless", ".include x", deeper, 0, strings.Repeat("/x", 15)[1:] + ":1:10: 16 files include one another; is a symbolic link a loop?"},
		{"partly", ".include x", partly, 1, `f:1:10: include "x": one of two is a directory`},
		{"too many patterns", ".include x y", partly, 0, "f:1:1: 2 patterns after .include; expected one"},
	}
	for _, tt := range tests {
		entries, problems := Parse("f", []byte(tt.text), tt.include)
		if len(entries) != tt.entries {
			t.Errorf("%s: %d entries, want %d", tt.name, len(entries), tt.entries)
		}
		if len(problems) != 1 || strings.TrimPrefix(problems[0].String(), "f/") != tt.problem {
			t.Errorf("%s: problems %v, want %s", tt.name, problems, tt.problem)
		}
	}
}

func TestIncludeAsksWithTheIncludingFile(t *testing.T) {
	t.Parallel()
	var asked []string
	_, problems := Parse("top", []byte(".include 'with blank'\n"), func(from, pattern string) ([]*File, error) {
		asked = append(asked, from+" "+pattern)
		if from == "top" {
			return []*File{{Name: "inner", Text: ".include ../*.conf"}}, nil
		}
		return nil, nil
	})
	if got := strings.Join(asked, ","); got != "top with blank,inner ../*.conf" || problems != nil {
		t.Errorf("asked for %q, problems %v", got, problems)
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	tests := []struct{ line, want string }{
		{"ndav_telnet stream tcp nowait root /bin/cat", "ndav_telnet/tcp"},
		{"[::1]:8080 stream tcp6,sndbuf=1k nowait root /bin/cat", "8080/tcp6"},
		{"rusersd/1-3 dgram rpc/udp wait root /bin/cat", "rusersd/rpc/udp"},
		{"tcpmux/+name stream tcp nowait root /bin/cat", "tcpmux/name"},
		{"/run/x stream unix nowait root /bin/cat", "/run/x"},
		{":a:b:600:/run/x stream unix nowait root /bin/cat", "/run/x"},
		{"@x stream unix nowait root /bin/cat", "@x"},
		{"vsock:9 stream vsock nowait root /bin/cat", "9/vsock"},
	}
	for _, tt := range tests {
		entries, problems := Parse("f", []byte(tt.line), nil)
		if len(entries) != 1 || entries[0].Label() != tt.want {
			t.Errorf("%q: %+v %v, want label %q", tt.line, entries, problems, tt.want)
		}
	}
}

func TestProblemString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		problem Problem
		want    string
	}{
		{Problem{Pos{"f", 3, 7}, Error, "text", "hint"}, "f:3:7: text; hint"},
		{Problem{Pos{"f", 3, 0}, Hint, "text", ""}, "f:3: text"},
	}
	for _, tt := range tests {
		if got := tt.problem.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := fmt.Sprint(Hint, Warning, Error); got != "hint warning error" {
		t.Errorf("severities are %q", got)
	}
}
