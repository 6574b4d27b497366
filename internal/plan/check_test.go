package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inetd/internal/golden"
	"inetd/internal/report"
)

const checkDir = "../../testdata/check"

// inspected checks configuration files on a machine that has IPv6 and knows no names but
// those of its files.
func inspected(c Config, uid int) *report.Report {
	return Check(&c, &Host{IPv6: true, Clone: true, UID: uid, Getent: noGetent})
}

func noGetent(database, key string) (string, bool, error) { return "", false, nil }

// checkConfig returns a Config with the defaults of the command line.
func checkConfig(files ...string) Config {
	return Config{Files: files, Explicit: true, Services: filepath.Join(checkDir, "services"), Starts: 256}
}

// write makes a file that only its owner may write to, whatever the umask.
func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckGolden compares the text and JSON reports of each file in testdata/check with
// the golden files beside it.
func TestCheckGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(checkDir, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			r := inspected(checkConfig(write(t, filepath.Join(dir, filepath.Base(file)), string(text))), 0)
			base := strings.TrimSuffix(file, ".conf")
			for name, form := range map[string]func(*report.Report, *bytes.Buffer){
				base + ".golden": func(r *report.Report, b *bytes.Buffer) { r.WriteText(b) },
				base + ".json":   func(r *report.Report, b *bytes.Buffer) { r.WriteJSON(b) },
			} {
				var b bytes.Buffer
				form(r, &b)
				golden.Compare(t, name, strings.ReplaceAll(b.String(), dir+"/", ""))
			}
		})
	}
}

// TestMalformed puts each bad line of malformed.conf into a file of its own. The line
// must be reported at its place, and the line after it must be served.
func TestMalformed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(checkDir, "malformed.conf"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(lines) < 40 {
		t.Fatalf("%d lines", len(lines))
	}
	for i := 0; i < len(lines); i += 2 {
		path := write(t, filepath.Join(t.TempDir(), "inetd.conf"), lines[i]+"\n"+lines[i+1]+"\n")
		r := inspected(checkConfig(path), 0)
		at := slices.IndexFunc(r.Problems, func(p report.Problem) bool { return p.Severity == "error" })
		if at < 0 {
			t.Errorf("%q is no error", lines[i])
			continue
		}
		if p := r.Problems[at]; p.File != path || p.Line != 1 || p.Col == 0 || p.Text == "" {
			t.Errorf("%q: %v", lines[i], p)
		}
		last := r.Entries[len(r.Entries)-1]
		if last.Line != 2 || len(last.Sockets) != 1 {
			t.Errorf("%q: the next line is lost: %+v", lines[i], last)
		}
	}
}

// TestCheckJSON reads the JSON of a report as a program would.
func TestCheckJSON(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "inetd.conf"), "7001\tstream\ttcp4\tnowait\t65001:65002\t/bin/cat\tcat <&>\n")
	var b bytes.Buffer
	inspected(checkConfig(path), 0).WriteJSON(&b)
	var got any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"files": []any{path},
		"entries": []any{map[string]any{
			"file": path, "line": 1.0, "service": "7001", "host": "*",
			"socket_type": "stream", "protocol": "tcp4", "wait": false,
			"limits": map[string]any{"starts": 256.0, "max": 0.0, "per_minute": 0.0, "per_source": 0.0},
			"user":   "65001", "group": "65002",
			"identity": map[string]any{"uid": 65001.0, "gid": 65002.0, "groups": []any{65002.0}},
			"server":   "/bin/cat", "argv": []any{"cat", "<&>"},
			"served": true, "sockets": []any{map[string]any{"network": "tcp4", "address": "0.0.0.0:7001"}},
		}},
		"problems": []any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCheckSeveralFiles: a bad file hides nothing of the others, and problems are sorted
// by file and line.
func TestCheckSeveralFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), "no-such-name\tstream\ttcp4\tnowait\t65001:65001\t/bin/cat\n7001 stream\n")
	write(t, filepath.Join(dir, "b"), "garbage\n")
	write(t, filepath.Join(dir, "c"), "7002 stream\n7003\tstream\ttcp4\tnowait\t65001:65001\t/bin/cat\n")
	write(t, filepath.Join(dir, "c.dpkg-old"), "7004\tstream\ttcp4\tnowait\t65001:65001\t/bin/cat\n")
	r := inspected(checkConfig(dir), 0)
	var got []string
	for _, p := range r.Problems {
		got = append(got, strings.ReplaceAll(p.String(), dir+"/", ""))
	}
	want := []string{
		"a:1:1: error: no-such-name/tcp4: unknown service; a port number works too",
		"a:2:1: error: 2 fields, need at least 6: service type protocol wait user server; the protocol is missing",
		"b:1:1: error: 1 field, need at least 6: service type protocol wait user server; the socket type is missing",
		"c:1:1: error: 2 fields, need at least 6: service type protocol wait user server; the protocol is missing",
		"c.dpkg-old:1: hint: file skipped: a package manager's copy",
		"error: b: Unusable configuration file",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if n := len(r.Entries); n != 2 || len(r.Entries[1].Sockets) != 1 {
		t.Errorf("entries %+v", r.Entries)
	}
}

// TestCheckIncluded: the report lists each included file once, also one without entries.
func TestCheckIncluded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(path("d"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path("a"), "includedir d\ninclude d/one\n")
	write(t, path("b"), ".include d/three.conf\n.include d/three.conf\n")
	write(t, path("d/one"), "service stub\n{\n\tdisable = yes\n}\n")
	write(t, path("d/two"), "# nothing\n")
	write(t, path("d/three.conf"), "7001\tstream\ttcp4\tnowait\t65001:65001\t/bin/cat\n")
	if err := os.Chmod(path("d/two"), 0o606); err != nil {
		t.Fatal(err)
	}
	r := inspected(checkConfig(path("a"), path("b")), 0)
	want := []string{path("a"), path("d/one"), path("d/two"), path("b"), path("d/three.conf")}
	if diff := cmp.Diff(want, r.Files); diff != "" || len(r.Entries) != 1 {
		t.Errorf("%d entries, files -want +got:\n%s", len(r.Entries), diff)
	}
	if !r.Faulty(path("d/two"), 1) {
		t.Errorf("nothing is said of who may write d/two: %v", r.Problems)
	}
}

// TestCheckFiles: a report says what is wrong with a file as a whole.
func TestCheckFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the server's user must be able to search it
		t.Fatal(err)
	}
	const line = "7001\tstream\ttcp4\tnowait\t65001:65001\t"
	server := write(t, filepath.Join(dir, "server"), "#!/bin/sh\n")
	tests := []struct {
		name     string
		explicit bool
		conf     string // "": no such file
		mode     fs.FileMode
		server   fs.FileMode
		want     []string
	}{
		{"fine", true, line + server, 0o600, 0o755, nil},
		{"missing", true, "", 0, 0o755, []string{"inetd.conf: error: No such file or directory"}},
		{"missing, as it may", false, "", 0, 0o755, []string{"inetd.conf: warning: no configuration file; nothing is served"}},
		{"anybody may write", true, line + server, 0o606, 0o755, []string{
			"inetd.conf:1: warning: others than its owner can write the file, and so run programs as root; try chmod go-w"}},
		{"server", true, line + server + "\n" + strings.Replace(line, "7001", "7002", 1) + server, 0o644, 0o757, []string{
			"inetd.conf:1:37: warning: 7001/tcp4: others than its owner can write server server; try chmod go-w"}},
	}
	for _, tt := range tests {
		path := filepath.Join(dir, "inetd.conf")
		os.Remove(path)
		if tt.conf != "" {
			write(t, path, tt.conf)
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(server, tt.server); err != nil {
			t.Fatal(err)
		}
		c := checkConfig(path)
		c.Explicit = tt.explicit
		var got []string
		for _, p := range inspected(c, 0).Problems {
			got = append(got, strings.ReplaceAll(p.String(), dir+"/", ""))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, diff)
		}
	}
}

// TestGroupWithoutUser: a group without a user has no effect in either syntax, and check
// mode says so once.
func TestGroupWithoutUser(t *testing.T) {
	t.Parallel()
	path := write(t, filepath.Join(t.TempDir(), "inetd.conf"), "127.0.0.1:7001\tstream\ttcp\tnowait\t-:daemon\t/bin/cat\n"+
		"127.0.0.1:7002 on protocol = tcp, wait = no, user = -, group = daemon, exec = /bin/cat;\n"+
		"127.0.0.1:7003\tstream\ttcp\tnowait\t-\t/bin/cat\n")
	var got []string
	for _, p := range inspected(checkConfig(path), 0).Problems {
		got = append(got, strings.TrimPrefix(p.String(), path+":"))
	}
	want := []string{"1:34: hint: 7001/tcp: has the daemon's own user, so the group has no effect, as does 1 more; write the user as well"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCheckAsUser: a plain user is told once which services need root, and otherwise
// sees what root would see.
func TestCheckAsUser(t *testing.T) {
	t.Parallel()
	const rest = "\tstream\ttcp4\tnowait\t%s\t/bin/cat\n"
	path := write(t, filepath.Join(t.TempDir(), "inetd.conf"), fmt.Sprintf("7001"+rest+"7002"+rest+"7003"+rest+"7004"+rest, "4711:4711", "65001:65001", "65002:65002", "65003:65003"))
	tests := []struct {
		uid  int
		want []string
	}{
		{0, nil},
		{4711, []string{
			"1:25: hint: 7001/tcp4: has the daemon's own user and so could kill it; a user of its own is safer",
			"2:25: hint: 7002/tcp4: needs a daemon started by root, and you are uid 4711, as do 2 more; write - for the daemon's own user",
		}},
	}
	for _, tt := range tests {
		r := inspected(checkConfig(path), tt.uid)
		var got []string
		for _, p := range r.Problems {
			got = append(got, strings.TrimPrefix(p.String(), path+":"))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("uid %d: -want +got:\n%s", tt.uid, diff)
		}
		for _, e := range r.Entries {
			if len(e.Sockets) != 1 {
				t.Errorf("uid %d: %s is not served", tt.uid, e.Label)
			}
		}
	}
}

func TestWritable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode     fs.FileMode
		uid, gid uint32
		want     bool
	}{
		{0o644, 0, 0, false}, {0o755, 0, 4, false}, {0o664, 0, 0, false}, {0o664, 1000, 1000, false},
		{0o664, 0, 4, true}, {0o664, 1000, 100, true}, {0o646, 0, 0, true}, {0o606, 1000, 1000, true},
	}
	for _, tt := range tests {
		if got := writable(tt.mode, tt.uid, tt.gid); got != tt.want {
			t.Errorf("writable(%o, %d, %d) = %v", tt.mode, tt.uid, tt.gid, got)
		}
	}
}
