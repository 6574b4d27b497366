package environ

import (
	"testing"
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
		if got, want := string(AppendListen(nil, tt.label)), "LISTEN_FDS=1\x00LISTEN_FDNAMES="+tt.want+"\x00"; got != want {
			t.Errorf("%s: %q, want %q", tt.label, got, want)
		}
	}
}
