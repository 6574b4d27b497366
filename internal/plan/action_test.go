package plan

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestListenNeedsClone: without clone3 a listen entry is refused and a wait entry served.
func TestListenNeedsClone(t *testing.T) {
	t.Parallel()
	c := checkConfig(write(t, filepath.Join(t.TempDir(), "inetd.conf"), "7001\tstream\ttcp4\tlisten\t-\t/bin/cat\n7002\tstream\ttcp4\twait\t-\t/bin/cat\n"))
	p := Load(&c, &Host{Getent: noGetent})
	const want = "7001/tcp4: this kernel has no clone3, and without it a server cannot be told LISTEN_PID, service ignored"
	if len(p.Services) != 1 || len(p.Problems) != 1 || p.Problems[0].Public().Text != want {
		t.Errorf("%d services, problems %v", len(p.Services), p.Problems)
	}
}

// TestTcpd: with -l the daemon does the work of tcpd itself, as Debian's inetd does, so
// tcpd need not be installed. The server behind it must be.
func TestTcpd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line, path, argv string
		wrap             bool
		problem          string
	}{
		{"7001 stream tcp4 nowait - /usr/sbin/tcpd /bin/cat -u", "/bin/cat", "cat -u", true, ""},
		{"7001 stream tcp4 nowait - /usr/sbin/tcpd in.nothing -x", "/usr/sbin/in.nothing", "in.nothing -x", true,
			"7001/tcp4: server /usr/sbin/in.nothing: No such file or directory"},
		{"7001 stream tcp4 nowait - /usr/sbin/tcpd /opt/in.nothing", "/usr/sbin/tcpd", "/opt/in.nothing", false,
			"7001/tcp4: server /opt/in.nothing: No such file or directory"},
		{"7001 stream tcp4 wait - /usr/sbin/tcpd /bin/cat", "/usr/sbin/tcpd", "/bin/cat", true, ""},
		{"7001 stream tcp4 nowait - /opt/tcpd /bin/cat", "/opt/tcpd", "/bin/cat", true, "7001/tcp4: server /opt/tcpd: No such file or directory"},
	} {
		c := checkConfig(write(t, filepath.Join(t.TempDir(), "inetd.conf"), tt.line+"\n"))
		c.Wrap = tt.wrap
		p := Load(&c, &Host{Getent: noGetent})
		if len(p.Services) != 1 {
			t.Fatalf("%s: %v", tt.line, p.Problems)
		}
		do, problem := p.Services[0].Do, ""
		for _, pr := range p.Problems {
			if !strings.Contains(pr.Text, "/usr/sbin/tcpd") { // which may not be installed
				problem = pr.Public().Text
			}
		}
		if do.Path != tt.path || strings.ReplaceAll(do.Argv, "\x00", " ") != tt.argv || !strings.HasPrefix(problem, tt.problem) || tt.problem == "" && problem != "" {
			t.Errorf("%s: %s %q, %q", tt.line, do.Path, do.Argv, problem)
		}
	}
}
