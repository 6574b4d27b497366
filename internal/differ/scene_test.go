package main

import (
	"cmp"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sceneDir = "../../testdata/differ"

// TestScenes: each file has clients, and there are enough files.
func TestScenes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(sceneDir + "/*")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseScene(filepath.Base(path), string(text))
		if err != nil || len(s.tries) == 0 || !strings.HasPrefix(s.conf, "# ") {
			t.Errorf("%s: %d clients, %v", path, len(s.tries), err)
		}
	}
}

func TestParseScene(t *testing.T) {
	t.Parallel()
	s, err := parseScene("x", `# about
#! tcp 10.1.2.3 127.0.0.1:7001 hold
#! udp ::1 [::1]:7
#! hosts: 10.1.2.3 friend
#! hosts: 10.1.2.4 other
#! differs sockets: a reason: this
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []try{
		{network: "tcp", from: netip.MustParseAddr("10.1.2.3"), to: netip.MustParseAddrPort("127.0.0.1:7001"), hold: true},
		{network: "udp", from: netip.IPv6Loopback(), to: netip.MustParseAddrPort("[::1]:7")},
	}
	for i := range s.tries {
		s.tries[i].original = ""
	}
	if !slices.Equal(s.tries, want) || s.etc["hosts"] != "10.1.2.3 friend\n10.1.2.4 other\n" || s.differs["sockets"] != "a reason: this" {
		t.Errorf("%+v", s)
	}
	for _, bad := range []string{"#! tcp 10.1.2.3\n", "#! tcp 10.1.2 127.0.0.1:1\n", "#! nothing\n"} {
		if _, err := parseScene("x", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestGenerate: the same seed makes the same files, with as many pairs as were asked for.
func TestGenerate(t *testing.T) {
	t.Parallel()
	pairs := 0
	list := generate(205, 7)
	for i, s := range generate(205, 7) {
		pairs += len(s.tries)
		if s.conf != list[i].conf || !slices.Equal(s.tries, list[i].tries) {
			t.Errorf("%s is another one", s.name)
		}
	}
	if pairs != 205 {
		t.Errorf("%d pairs", pairs)
	}
}

// TestJudge: differences are found, and are deliberate only if the file says so.
func TestJudge(t *testing.T) {
	t.Parallel()
	served := func(change func(*report)) result {
		r := &report{Argv: []string{"probe"}, GID: 7, Groups: []int{7}, Env: []string{"PROTO=TCP", "REMOTE_HOST=::ffff:10.1.2.3"}}
		change(r)
		return result{verdict: "served", report: r}
	}
	same := func(*report) {}
	tests := []struct {
		name string
		x, i outcome
		want string
	}{
		{"same", outcome{sockets: []string{"tcp6 [::]:1"}, results: []result{served(same)}},
			outcome{sockets: []string{"tcp 0.0.0.0:1", "tcp6 [::]:1"}, results: []result{served(func(r *report) { r.Env, r.Groups = []string{"REMOTE_HOST=10.1.2.3", "REMOTE_PORT=1"}, nil })}}, ""},
		{"socket", outcome{sockets: []string{"tcp 127.0.0.1:1"}, results: []result{{verdict: "closed"}}}, outcome{results: []result{{verdict: "closed"}}}, "sockets"},
		{"wider", outcome{results: []result{{verdict: "refused"}}}, outcome{results: []result{served(same)}}, "wider"},
		{"narrower", outcome{results: []result{served(same)}}, outcome{results: []result{{verdict: "silent"}}}, "access"},
		{"environment", outcome{results: []result{served(same)}}, outcome{results: []result{served(func(r *report) { r.Env = nil })}}, "env"},
		{"umask", outcome{results: []result{served(same)}}, outcome{results: []result{served(func(r *report) { r.Umask = 7 })}}, "umask"},
	}
	for _, tt := range tests {
		s := &scene{tries: make([]try, 1)}
		v := judge(s, &tt.x, &tt.i)
		var got []string
		for what := range v.differences {
			got = append(got, what)
		}
		if strings.Join(got, " ") != tt.want || v.fails() != (tt.want != "") {
			t.Errorf("%s: %q differ, want %q, fails: %t", tt.name, got, tt.want, v.fails())
		}
		s.differs = map[string]string{cmp.Or(tt.want, "nice"): "a reason"}
		if judge(s, &tt.x, &tt.i).fails() != (tt.want == "") {
			t.Errorf("%s: a deliberate difference fails, or one that is not there passes", tt.name)
		}
	}
}

func TestSocketAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0100007F:1B59":                         "127.0.0.1:7001",
		"00000000:0007":                         "0.0.0.0:7",
		"00000000000000000000000001000000:1B59": "[::1]:7001",
		"00000000000000000000000000000000:0007": "[::]:7",
	} {
		if got := socketAddress(text).String(); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
