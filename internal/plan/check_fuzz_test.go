package plan

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"inetd/internal/conf"
)

// FuzzCheck: whatever a file holds, a check ends, lists every entry, and places every
// problem on a line of the file.
func FuzzCheck(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(checkDir, "*.conf"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("7001 stream tcp nowait \"0:\t0\" \"bin/\tsh\" sh\n\"/run/\tx\" stream unix nowait 0:0 /bin/cat\n"))
	f.Add([]byte("7001 on protocol = tcp, wait = no, user = \"0:\\x1b0\", exec = \"/bin/\\x1b[2J\";\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, _ := conf.Parse("f", text, nil)
		if bytes.Contains(text, []byte(".include")) || slices.ContainsFunc(entries, asksNameServer) {
			t.Skip("not from the text alone")
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r := inspected(checkConfig(path), 0)
		if n := len(r.Entries) - len(entries); n != 0 && n != 1 { // tcpmux may be inserted
			t.Errorf("%d entries, parsed %d", len(r.Entries), len(entries))
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, p := range r.Problems {
			if p.File != "" && (p.File != path || p.Line < 1 || p.Line > lines) {
				t.Errorf("no such place: %v", p)
			}
		}
		var b bytes.Buffer
		if r.WriteJSON(&b); !json.Valid(b.Bytes()) {
			t.Errorf("invalid JSON: %s", b.Bytes())
		}
		b.Reset()
		r.WriteText(&b)
		if strings.ContainsFunc(b.String(), func(c rune) bool { return c != '\n' && unicode.IsControl(c) }) {
			t.Errorf("control character in %q", b.String())
		}
	})
}

func asksNameServer(e conf.Entry) bool {
	return slices.ContainsFunc(e.Hosts, func(h string) bool {
		_, err := netip.ParseAddr(h)
		return err != nil
	})
}
