package inetd

import (
	"path/filepath"
	"testing"

	"inetd/internal/child"
)

func TestAppendListen(t *testing.T) {
	t.Parallel()
	tests := []struct{ label, want string }{
		{"ftp/tcp", "ftp"},
		{"rusersd/rpc/udp", "rusersd"},
		{"/run/a:b/sock", "/run/a_b/sock"},
		{"@a/b", "@a/b"},
	}
	for _, tt := range tests {
		if got, want := string(appendListen(nil, tt.label)), "LISTEN_FDS=1\x00LISTEN_FDNAMES="+tt.want+"\x00"; got != want {
			t.Errorf("%s: %q, want %q", tt.label, got, want)
		}
	}
}

// TestListenNeedsClone has a kernel without clone3.
func TestListenNeedsClone(t *testing.T) {
	starter, err := child.NewForking()
	if err != nil {
		t.Fatal(err)
	}
	defer starter.Close()
	c := checkConfig(write(t, filepath.Join(t.TempDir(), "inetd.conf"), "7001\tstream\ttcp4\tlisten\t-\t/bin/cat\n7002\tstream\ttcp4\twait\t-\t/bin/cat\n"))
	p := newLoader(&c, starter, func(database, key string) (string, bool, error) { return "", false, nil }).load()
	const want = "7001/tcp4: there is no clone3 here, without which nobody can tell a server LISTEN_PID, service ignored"
	if len(p.services) != 1 || len(p.problems) != 1 || p.problems[0].public().Text != want {
		t.Errorf("%d services, problems %v", len(p.services), p.problems)
	}
}
