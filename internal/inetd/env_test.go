package inetd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	for _, tt := range []struct {
		variable   string
		kept, with bool // without and with -E
	}{
		{"CVSROOT=x", false, true},
		{"LD_PRELOAD=x", false, true},
		{"LDFLAGS=x", true, true},
		{"SSH_AUTH_SOCK=x", false, true},
		{"TERM=x", false, true},
		{"TERMINFO=x", false, true},
		{"TMPDIR=x", false, true},
		{"DISPLAY=x", false, true},
		{"EDITOR=x", false, true},
		{"GROUP=x", false, true},
		{"GROUPS_=x", true, true},
		{"HOME=x", false, true},
		{"HOMEPAGE=x", true, true},
		{"IFS=x", false, true},
		{"LOGNAME=x", false, true},
		{"MAIL=x", false, true},
		{"PATH=x", false, true},
		{"PRINTER=x", false, true},
		{"PWD=x", false, true},
		{"SHELL=x", false, true},
		{"SHLVL=x", false, true},
		{"USER=x", false, true},
		{"VISUAL=x", false, true},
		{"TZ=UTC", true, true},
		{"LC_ALL=C", true, true},
		{"EMPTY=", true, true},
		{"NOTIFY_SOCKET=x", false, false},
		{"WATCHDOG_PID=1", false, false},
		{"WATCHDOG_USEC=1", false, false},
		{"LISTEN_PID=1", false, false},
		{"LISTEN_FDS=1", false, false},
		{"LISTEN_FDNAMES=x", false, false},
		{"GODEBUG=x=1", false, false},
		{"GOGC=50", false, false},
		{"GOMAXPROCS=1", false, false},
		{"GOMEMLIMIT=1GiB", false, false},
		{"GOTRACEBACK=all", false, false},
	} {
		name, value, _ := strings.Cut(tt.variable, "=")
		t.Setenv(name, value)
		if got := slices.Contains(environment(false), tt.variable); got != tt.kept {
			t.Errorf("%s is kept: %v, want %v", tt.variable, got, tt.kept)
		}
		if got := slices.Contains(environment(true), tt.variable); got != tt.with {
			t.Errorf("%s is kept with -E: %v, want %v", tt.variable, got, tt.with)
		}
	}
}

func TestAppendEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ local, remote, want string }{
		{
			"192.0.2.1:23", "192.0.2.9:40000",
			"TCPLOCALIP=192.0.2.1 TCPLOCALPORT=23 TCPREMOTEIP=192.0.2.9 TCPREMOTEPORT=40000 REMOTE_ADDR=192.0.2.9 REMOTE_PORT=40000 ",
		},
		{
			"[2001:db8::1]:23", "[fe80::1%eth0]:65535",
			"TCPLOCALIP=2001:db8::1 TCPLOCALPORT=23 TCPREMOTEIP=fe80::1%eth0 TCPREMOTEPORT=65535 REMOTE_ADDR=fe80::1%eth0 REMOTE_PORT=65535 ",
		},
	} {
		b := appendEnds(nil, netip.MustParseAddrPort(tt.local), netip.MustParseAddrPort(tt.remote))
		if got := strings.ReplaceAll(string(b), "\x00", " "); got != tt.want {
			t.Errorf("%s from %s: %q, want %q", tt.local, tt.remote, got, tt.want)
		}
	}
}
