package admission

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/access"
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/conf"
	"inetd/internal/inquiry"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/running"
	"inetd/internal/status"
	"inetd/internal/syslog"
	"inetd/internal/table"
	"inetd/internal/zone"

	"golang.org/x/sys/unix"
)

// A fixture is a door with one service, which nothing serves.
type fixture struct {
	*Door
	v   *table.Service
	now *table.InForce
	out *syslog.Logger
	log strings.Builder // what out has written
}

// said is all that was logged. Nothing can be logged any more.
func (f *fixture) said() string {
	f.out.Close(20 * time.Second)
	return f.log.String()
}

// newFixture makes a door on a machine with a load of 2.
func newFixture(t *testing.T, k *conf.Keys, l limit.Limits) *fixture {
	t.Helper()
	f := &fixture{
		v:   &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{Action: &plan.Action{Mode: plan.Accept, Listens: true, Limits: l}, Keys: k}},
		now: &table.InForce{Generation: &table.Generation{Names: []string{"a.conf"}, Guards: map[*table.Service]*access.Guard{}}},
	}
	f.out = syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: &f.log})
	log := logbook.New(f.out, new(loop.Timers), f.now)
	desk := inquiry.New(inquiry.Options{Config: new(plan.Config)}, log, f.now, nil, nil, nil)
	f.Door = New(log, f.now, desk, zone.NewClock())
	f.Load.Path = filepath.Join(t.TempDir(), "loadavg")
	if err := os.WriteFile(f.Load.Path, []byte("2.00 1.00 1.00 1/100 4242\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

// from is a client with an address.
func from(addr string) *client.Client {
	a := netip.MustParseAddr(addr)
	return &client.Client{Conn: -1, Peer: netip.AddrPortFrom(a, 1024), Source: limit.Address(a)}
}

// TestAdmit: each cause for which a client is refused is counted as such and told with
// its place; who is admitted counts as a start.
func TestAdmit(t *testing.T) {
	t.Parallel()
	const him, other = "192.0.2.1", "192.0.2.2"
	nothing := func(*fixture) {}
	admitted := func(f *fixture) { f.Admit(f.v, from(him)) }
	for _, tt := range []struct {
		name   string
		keys   *conf.Keys
		limits limit.Limits
		before func(f *fixture)
		want   bool
		counts status.Refused
		log    string
	}{
		{"nothing is asked", nil, limit.Limits{}, nothing, true, status.Refused{}, ""},
		{"a lower load", &conf.Keys{MaxLoad: 2.01}, limit.Limits{}, nothing, true, status.Refused{}, ""},
		{"the load", &conf.Keys{MaxLoad: 2}, limit.Limits{}, nothing, false, status.Refused{Rules: 1}, "one/tcp from 192.0.2.1 refused: load 2.00 (a.conf:4)"},
		{"the hours", &conf.Keys{Hours: []conf.Hours{}}, limit.Limits{}, nothing, false, status.Refused{Rules: 1}, "one/tcp from 192.0.2.1 refused: closed at this hour (a.conf:4)"},
		{"touched a sensor", nil, limit.Limits{}, func(f *fixture) {
			f.Sensed = &limit.Ledger{}
			f.Sensed.Ban(time.Now(), from(him).Source, time.Hour)
		}, false, status.Refused{Penalty: 1}, "one/tcp from 192.0.2.1 refused: it has touched a sensor (a.conf:4)"},
		{"another touched it", nil, limit.Limits{}, func(f *fixture) {
			f.Sensed = &limit.Ledger{}
			f.Sensed.Ban(time.Now(), from(other).Source, time.Hour)
		}, true, status.Refused{}, ""},
		{"its address", nil, limit.Limits{}, func(f *fixture) { f.deny(him) }, false, status.Refused{Rules: 1}, "refused connection from 192.0.2.1, service one (tcp): a.conf:4: deny = 192.0.2.1/32"},
		{"another's address", nil, limit.Limits{}, func(f *fixture) { f.deny(other) }, true, status.Refused{}, ""},
		{"full", &conf.Keys{FullRefuse: true}, limit.Limits{Max: 1}, admitted, false, status.Refused{Full: 1}, "one/tcp from 192.0.2.1 refused, as many servers run as may (limit 1, a.conf:4)"},
		{"starts", &conf.Keys{FullRefuse: true}, limit.Limits{Starts: 1}, admitted, false, status.Refused{Full: 1}, "one/tcp from 192.0.2.1 refused, the service had its starts of 60 s (limit 1, a.conf:4)"},
		{"full, but clients wait", &conf.Keys{}, limit.Limits{Max: 1}, admitted, true, status.Refused{}, ""},
		{"its source at once", nil, limit.Limits{PerSource: 1}, admitted, false, status.Refused{Limit: 1}, "one/tcp from 192.0.2.1 exceeded"},
		{"its source a minute", nil, limit.Limits{PerMinute: 1}, admitted, false, status.Refused{Limit: 1}, "one/tcp from 192.0.2.1 exceeded"},
		{"another source", nil, limit.Limits{PerSource: 1}, func(f *fixture) { f.Admit(f.v, from(other)) }, true, status.Refused{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.keys, tt.limits)
			tt.before(f)
			live := f.v.Usage().Live
			got := f.Admit(f.v, from(him))
			u := f.v.Usage()
			if got != tt.want || u.Refused != tt.counts || u.Live != live+map[bool]int{true: 1}[tt.want] {
				t.Errorf("admitted %v, refused %+v, live %d before and %d after", got, u.Refused, live, u.Live)
			}
			if said := f.said(); !strings.Contains(said, tt.log) || tt.log == "" && said != "" {
				t.Errorf("log %q, want %q", said, tt.log)
			}
		})
	}
}

// deny has the service refuse an address.
func (f *fixture) deny(addr string) {
	f.v.Do.Guarded = true
	net := netip.PrefixFrom(netip.MustParseAddr(addr), 32)
	f.now.Guards[f.v] = &access.Guard{Deny: access.Clients{Key: "deny", File: "a.conf", Line: 4, Nets: prefix.New([]netip.Prefix{net})}}
}

// TestEnded: a client pays for how its server has ended, unless that was the daemon's
// doing or proves nothing.
func TestEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		st      child.Status
		kill    int64
		refused bool
	}{
		{"well", child.Status{}, 0, false},
		{"a crash", child.Status{Wait: syscall.WaitStatus(unix.SIGSEGV)}, 0, true},
		{"the client has gone", child.Status{Wait: syscall.WaitStatus(unix.SIGPIPE)}, 0, false},
		{"an error", child.Status{Wait: 3 << 8}, 0, true},
		{"it never ran", child.Status{Stage: child.Exec, Wait: 3 << 8}, 0, false},
		{"the daemon has ended it", child.Status{Wait: syscall.WaitStatus(unix.SIGSEGV)}, 1, false},
	} {
		f := newFixture(t, &conf.Keys{}, limit.Limits{})
		f.v.Do.Penalty = &table.Penalty{Penalties: conf.Penalties{Crash: time.Minute, Fail: time.Minute}, Terms: plan.TermsOf(nil)}
		p := &running.Process{Service: f.v, Client: *from("192.0.2.1"), Kill: tt.kill}
		f.Ended(p, tt.st)
		if got := !f.Admit(f.v, from("192.0.2.1")); got != tt.refused {
			t.Errorf("%s: refused %v", tt.name, got)
		}
		if !f.Admit(f.v, from("192.0.2.2")) {
			t.Errorf("%s: another client is refused", tt.name)
		}
		if said := f.said(); strings.Contains(said, "one/tcp from 192.0.2.1 is refused until ") != tt.refused {
			t.Errorf("%s: log %q", tt.name, said)
		}
	}
}

// TestRefusal: what a client is told when it is refused.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		keys *conf.Keys
		mux  bool
		want string
	}{
		{"nothing", nil, false, ""},
		{"tcpmux", nil, true, table.NotAvailable},
		{"refuse", keysOf("refuse"), true, "no\r\n"},
		{"banner_fail", keysOf("banner_fail"), true, "closed\n"},
	} {
		f := newFixture(t, tt.keys, limit.Limits{})
		f.v.Do.Mux = tt.mux
		f.now.Banners = map[string]string{"/b": "closed\n"}
		f.said()
		if got := f.Refusal(f.v); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// keysOf are keys of which one was written.
func keysOf(key string) *conf.Keys {
	return &conf.Keys{
		Refuse: "no\r\n", BannerFail: "/b",
		Options: []conf.Option{{Key: conf.Word{Text: key, Pos: conf.Pos{File: "a.conf", Line: 4}}}},
	}
}
