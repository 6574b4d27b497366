package plan

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

// TestConnectToItself: an entry whose connect leads back to its own socket is refused,
// because each client would be passed on for ever.
func TestConnectToItself(t *testing.T) {
	t.Parallel()
	h := Host{Clone: true, IPv6: true, Addresses: func() []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1")}
	}}
	for _, tt := range []struct {
		service, protocol, to string
		itself                bool
	}{
		{"7001", "tcp4", "127.0.0.1:7001", true},
		{"7001", "tcp4", "localhost:7001", true},
		{"7001", "tcp4", "127.0.0.1:7002", false},
		{"7001", "tcp4", "192.0.2.1:7001", true},
		{"7001", "tcp4", "192.0.2.2:7001", false},
		{"7001", "tcp6only", "192.0.2.1:7001", false},
		{"7001", "tcp46", "192.0.2.1:7001", true},
		{"7001", "tcp6", "[fe80::1]:7001", true},
		{"127.0.0.9:7001", "tcp4", "127.0.0.9:7001", true},
		{"127.0.0.9:7001", "tcp4", "127.0.0.1:7001", false},
		{"127.0.0.9:7001", "tcp4", "backend.example:7001", false},
	} {
		file := write(t, filepath.Join(t.TempDir(), "f"), tt.service+" on protocol = "+tt.protocol+", user = -, connect = "+tt.to+";\n")
		p := Load(&Config{Files: []string{file}, Explicit: true}, &h)
		itself := false
		for _, pr := range p.Problems {
			itself = itself || strings.Contains(pr.Text, tt.to+" is the service itself")
		}
		if itself != tt.itself || itself == (len(p.Services) == 1) {
			t.Errorf("%s/%s to %s: itself %v, problems %v", tt.service, tt.protocol, tt.to, itself, p.Problems)
		}
	}
}
