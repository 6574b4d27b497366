package wrap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"inetd/internal/access"

	"golang.org/x/sys/unix"
)

// always returns rules that have one verdict for all.
func always(v access.Verdict) *Files {
	return Fixed(func(access.Query) access.Verdict { return v })
}

// TestEveryFileMustAgree: a client that one file refuses is refused, whatever the others
// say.
func TestEveryFileMustAgree(t *testing.T) {
	t.Parallel()
	yes, no := always(access.Verdict{Allow: true, File: "yes"}), always(access.Verdict{File: "no"})
	for _, tt := range []struct {
		rules []*Files
		want  bool
	}{
		{nil, true}, {[]*Files{yes, yes}, true}, {[]*Files{no, yes}, false}, {[]*Files{yes, no}, false},
	} {
		a := NewAsker(net.DefaultResolver).Ask(context.Background(), Question{Rules: tt.rules})
		if a.Allow != tt.want || !a.Allow && a.Verdict.File != "no" {
			t.Errorf("%+v, want let in %v", a, tt.want)
		}
	}
}

// TestFailedOptionRefuses: a rule whose option cannot be carried out lets nobody in.
func TestFailedOptionRefuses(t *testing.T) {
	t.Parallel()
	failed := errors.New("exit status 1")
	for _, tt := range []struct {
		option access.Option
		run    error
		want   bool
	}{
		{access.Option{Name: "aclexec", Value: "true"}, nil, true},
		{access.Option{Name: "aclexec", Value: "false"}, failed, false},
		{access.Option{Name: "keepalive"}, nil, false}, // there is no connection
		{access.Option{Name: "colour"}, nil, false},
	} {
		q := Question{
			Rules: []*Files{always(access.Verdict{Allow: true, Options: []access.Option{tt.option}})},
			Conn:  -1,
			Run:   func(context.Context, string) error { return tt.run },
		}
		if a := NewAsker(net.DefaultResolver).Ask(context.Background(), q); a.Allow != tt.want || (a.Fault == nil) != tt.want {
			t.Errorf("%s: let in %v, %v", tt.option.Name, a.Allow, a.Fault)
		}
	}
}

// TestUnreadableRules: a file that exists but cannot be read may say anything, so it lets
// nobody in. One that does not exist says nothing.
func TestUnreadableRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	for _, tt := range []struct {
		allow, deny string
		want        bool
	}{{missing, missing, true}, {dir, missing, false}, {missing, dir, false}} {
		rules, problems := Hosts(tt.allow, tt.deny).Read()
		if v := rules(queryFrom("192.0.2.1:9")); v.Allow != tt.want || (len(problems) == 0) != tt.want {
			t.Errorf("%s and %s: %+v, %v", tt.allow, tt.deny, v, problems)
		}
	}
}

// TestBannerDoesNotWait: a client that reads nothing gets as much of the banner as its
// send buffer takes, and holds up nobody.
func TestBannerDoesNotWait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "daemon"), make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	shown := make(chan error, 1)
	go func() {
		a := &Answer{Query: access.Query{Daemon: "daemon"}}
		shown <- a.showBanner(fds[1], dir)
	}()
	select {
	case err := <-shown:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the client is waited for")
		unix.Shutdown(fds[1], unix.SHUT_RDWR)
	}
}

// TestLookupsAreForgotten: an answer is not used again for the next client, and none
// takes memory after it has come.
func TestLookupsAreForgotten(t *testing.T) {
	t.Parallel()
	n := names{resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("there is no name server")
	}}}
	h := n.ask(netip.MustParseAddr("192.0.2.1"))
	<-h.found
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.state != access.Unknown || len(n.asking) != 0 {
		t.Errorf("state %v, %d lookups are under way", h.state, len(n.asking))
	}
}
