package plan

import (
	"path/filepath"
	"testing"
)

// TestListenNeedsClone has a kernel without clone3.
func TestListenNeedsClone(t *testing.T) {
	t.Parallel()
	c := checkConfig(write(t, filepath.Join(t.TempDir(), "inetd.conf"), "7001\tstream\ttcp4\tlisten\t-\t/bin/cat\n7002\tstream\ttcp4\twait\t-\t/bin/cat\n"))
	p := Load(&c, &Host{Getent: noGetent})
	const want = "7001/tcp4: this kernel has no clone3, and without it a server cannot be told LISTEN_PID, service ignored"
	if len(p.Services) != 1 || len(p.Problems) != 1 || p.Problems[0].Public().Text != want {
		t.Errorf("%d services, problems %v", len(p.Services), p.Problems)
	}
}
