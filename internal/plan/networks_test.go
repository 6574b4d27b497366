package plan

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLoadNetworks loads an entry that denies 100,000 networks.
func BenchmarkLoadNetworks(b *testing.B) {
	var text strings.Builder
	text.WriteString("127.0.0.1:7001 stream tcp nowait - /bin/cat\n* with deny =")
	for i := range 100_000 {
		fmt.Fprintf(&text, "\n\t%d.%d.%d.0/24", 1+i%223, i/223%256, i/57088)
	}
	text.WriteString(";\n")
	file := write(b, filepath.Join(b.TempDir(), "f"), text.String())
	for b.Loop() {
		p := Load(&Config{Files: []string{file}, Explicit: true}, &Host{Clone: true})
		if len(p.Services) != 1 || GuardOf(p.Services[0].Clients) == nil {
			b.Fatal(p.Problems)
		}
	}
}
