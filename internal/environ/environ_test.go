package environ

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestCommon(t *testing.T) {
	t.Parallel()
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
		own := []string{"A=1", tt.variable, "B=2"}
		if got := slices.Contains(Common(own, false), tt.variable); got != tt.kept {
			t.Errorf("%s is kept: %v, want %v", tt.variable, got, tt.kept)
		}
		if got := slices.Contains(Common(own, true), tt.variable); got != tt.with {
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
		b := AppendEnds(nil, netip.MustParseAddrPort(tt.local), netip.MustParseAddrPort(tt.remote))
		if got := strings.ReplaceAll(string(b), "\x00", " "); got != tt.want {
			t.Errorf("%s from %s: %q, want %q", tt.local, tt.remote, got, tt.want)
		}
	}
}

// TestNamed: only named variables are passed on, and none that is for the daemon itself.
func TestNamed(t *testing.T) {
	t.Parallel()
	own := []string{"PATH=/bin", "A=1", "AB=2", "NOTIFY_SOCKET=x", "EMPTY="}
	if got, want := Named(own, []string{"A", "EMPTY", "NOTIFY_SOCKET", "NONE"}), []string{"A=1", "EMPTY="}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWith: a variable replaces all of the same name and no other.
func TestWith(t *testing.T) {
	t.Parallel()
	own := []string{"A=1", "AB=2", "A=3", "C=4"}
	got := With(own, []string{"A=5", "D=6"})
	if want := []string{"AB=2", "C=4", "A=5", "D=6"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if want := []string{"A=1", "AB=2", "A=3", "C=4"}; !slices.Equal(own, want) {
		t.Errorf("its argument has become %q", own)
	}
}

// TestAppendPeer: a client of a UNIX-domain socket is described as a process.
func TestAppendPeer(t *testing.T) {
	t.Parallel()
	got := string(AppendPeer(Append(nil, "PROTO", "UNIX"), 4294967294, 5, 77))
	if want := "PROTO=UNIX\x00REMOTE_UID=4294967294\x00REMOTE_GID=5\x00REMOTE_PID=77\x00"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
