package inetd

import (
	"os"
	"path/filepath"
	"testing"
)

// TestStderr: what a server writes on its standard error goes where its entry says,
// and not to the client.
func TestStderr(t *testing.T) {
	file := filepath.Join(t.TempDir(), "errors")
	for _, tt := range []struct{ keys, client, log, file string }{
		{"stderr = socket", "out\nerr\n", "", ""},
		{"stderr = null", "out\n", "", ""},
		{"stderr = log", "out\n", `/tcp\[\d+\] 127\.0\.0\.2:\d+: err$`, ""},
		{"stderr = " + file, "out\n", "", "err\n"},
		{"stderr = " + file + ", directory = /", "out\n", "", "err\nerr\n"},
	} {
		t.Run(tt.keys, func(t *testing.T) {
			sc := newScene(t, keyed("-", tt.keys, "echo out; echo err >&2"), nil)
			sc.start()
			if got := sc.visit(stranger, ""); got != tt.client {
				t.Errorf("%q; log:\n%s", got, sc.end())
			}
			if tt.log != "" {
				sc.wantLog(tt.log)
			}
			if got, _ := os.ReadFile(file); string(got) != tt.file {
				t.Errorf("the file has %q", got)
			}
		})
	}
}
