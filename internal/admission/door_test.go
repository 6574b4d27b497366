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
	"inetd/internal/logbook/booktest"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/running"
	"inetd/internal/status"
	"inetd/internal/table"
	"inetd/internal/zone"

	"golang.org/x/sys/unix"
)

// A fixture is a door with one service, which nothing serves.
type fixture struct {
	*Door
	v    *table.Service
	book *booktest.Book
}

// newFixture makes a door on a machine with a load of 2.
func newFixture(t *testing.T, k *conf.Keys, l limit.Limits) *fixture {
	t.Helper()
	f := &fixture{
		v: &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{
			Action: &plan.Action{Mode: plan.Accept, Listens: true, Limits: l}, Keys: k,
			Asks: []plan.Ask{{Key: "source_max", At: conf.Pos{File: "inetd.conf", Line: 5}}, {Key: "ip_max", At: conf.Pos{File: "inetd.conf", Line: 6}}},
		}},
		book: booktest.New(t),
	}
	log, now := f.book.Book, f.book.Now
	now.Guards = map[*table.Service]*access.Guard{}
	desk := inquiry.New(inquiry.Options{Config: new(plan.Config)}, log, now, nil, nil, nil)
	f.Door = New(log, now, desk, zone.NewClock())
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

// TestAdmit: each cause of a refusal is counted as such and logged with its place; a
// client that is admitted counts as a start.
func TestAdmit(t *testing.T) {
	t.Parallel()
	const him, other = "192.0.2.1", "192.0.2.2"
	nothing := func(*fixture) {}
	admitted := func(f *fixture) { f.Admit(f.v, from(him), time.Now()) }
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
		{"the load", &conf.Keys{MaxLoad: 2}, limit.Limits{}, nothing, false, status.Refused{Rules: 1}, "one/tcp from 192.0.2.1 refused: load 2.00 (inetd.conf:4)"},
		{"the hours", &conf.Keys{Hours: []conf.Hours{}}, limit.Limits{}, nothing, false, status.Refused{Rules: 1}, "one/tcp from 192.0.2.1 refused: closed at this hour (inetd.conf:4)"},
		{"touched a sensor", nil, limit.Limits{}, func(f *fixture) {
			f.Sensed = &limit.Ledger{}
			f.Sensed.Ban(time.Now(), from(him).Source, time.Hour)
		}, false, status.Refused{Penalty: 1}, "one/tcp from 192.0.2.1 refused: it has touched a sensor (inetd.conf:4)"},
		{"another touched it", nil, limit.Limits{}, func(f *fixture) {
			f.Sensed = &limit.Ledger{}
			f.Sensed.Ban(time.Now(), from(other).Source, time.Hour)
		}, true, status.Refused{}, ""},
		{"its address", nil, limit.Limits{}, func(f *fixture) { f.deny(him) }, false, status.Refused{Rules: 1}, "refused connection from 192.0.2.1, service one (tcp): inetd.conf:4: deny = 192.0.2.1/32"},
		{"another's address", nil, limit.Limits{}, func(f *fixture) { f.deny(other) }, true, status.Refused{}, ""},
		{"full", &conf.Keys{FullRefuse: true}, limit.Limits{Max: 1}, admitted, false, status.Refused{Full: 1}, "one/tcp from 192.0.2.1 refused, as many servers run as may (limit 1, inetd.conf:4)"},
		{"full of clients", &conf.Keys{FullRefuse: true}, limit.Limits{Max: 1}, func(f *fixture) {
			f.v.Do.Connect.Network = "tcp"
			admitted(f)
		}, false, status.Refused{Full: 1}, "one/tcp from 192.0.2.1 refused, as many clients are passed on as may (limit 1, inetd.conf:4)"},
		{"starts", &conf.Keys{FullRefuse: true}, limit.Limits{Starts: 1}, admitted, false, status.Refused{Full: 1}, "one/tcp from 192.0.2.1 refused, the service had its starts of 60 s (limit 1, inetd.conf:4)"},
		{"full, but clients wait", &conf.Keys{}, limit.Limits{Max: 1}, admitted, true, status.Refused{}, ""},
		{"its source at once", nil, limit.Limits{PerSource: 1}, admitted, false, status.Refused{Limit: 1}, "(limit 1, inetd.conf:5)"},
		{"its source a minute", nil, limit.Limits{PerMinute: 1}, admitted, false, status.Refused{Limit: 1}, "(limit 1, inetd.conf:6)"},
		{"another source", nil, limit.Limits{PerSource: 1}, func(f *fixture) { f.Admit(f.v, from(other), time.Now()) }, true, status.Refused{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, tt.keys, tt.limits)
			tt.before(f)
			live := f.v.Usage().Live
			against := f.Against(f.v, from(him).Peer.Addr())
			got := f.Admit(f.v, from(him), time.Now())
			u := f.v.Usage()
			if (against != "") != (u.Refused.Limit+u.Refused.Full+u.Refused.Penalty > 0) {
				t.Errorf("against the client: %q", against)
			}
			if got != tt.want || u.Refused != tt.counts || u.Live != live+map[bool]int{true: 1}[tt.want] {
				t.Errorf("admitted %v, refused %+v, live %d before and %d after", got, u.Refused, live, u.Live)
			}
			if said := f.book.Lines(); !strings.Contains(said, tt.log) || tt.log == "" && said != "" {
				t.Errorf("log %q, want %q", said, tt.log)
			}
			if u.LastClient == 0 {
				t.Error("nobody has come")
			}
		})
	}
}

// deny has the service refuse an address.
func (f *fixture) deny(addr string) {
	f.v.Do.Guarded = true
	net := netip.PrefixFrom(netip.MustParseAddr(addr), 32)
	f.book.Now.Guards[f.v] = &access.Guard{Deny: access.Clients{Key: "deny", File: "inetd.conf", Line: 4, Nets: prefix.New([]netip.Prefix{net})}}
}

// TestEnded: a client pays for how its server has ended, unless that was the daemon's
// doing or proves nothing.
func TestEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		st      child.Status
		kill    int64
		exempt  bool // the client is exempt from penalties
		refused bool
	}{
		{"an exempt client", child.Status{Wait: syscall.WaitStatus(unix.SIGSEGV)}, 0, true, false},
		{"well", child.Status{}, 0, false, false},
		{"a crash", child.Status{Wait: syscall.WaitStatus(unix.SIGSEGV)}, 0, false, true},
		{"the client has gone", child.Status{Wait: syscall.WaitStatus(unix.SIGPIPE)}, 0, false, false},
		{"an error", child.Status{Wait: 3 << 8}, 0, false, true},
		{"it never ran", child.Status{Stage: child.Exec, Wait: 3 << 8}, 0, false, false},
		{"the daemon has ended it", child.Status{Wait: syscall.WaitStatus(unix.SIGSEGV)}, 1, false, false},
	} {
		f := newFixture(t, &conf.Keys{}, limit.Limits{})
		f.v.Do.Penalty = &table.Penalty{Penalties: conf.Penalties{Crash: time.Minute, Fail: time.Minute}, Terms: plan.TermsOf(nil)}
		if tt.exempt {
			f.v.Do.Penalty.Exempt = prefix.New([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/31")})
		}
		p := &running.Process{Service: f.v, Client: *from("192.0.2.1"), Kill: tt.kill}
		f.Ended(p, tt.st)
		if against := f.Against(f.v, from("192.0.2.1").Peer.Addr()); (against == "it has penalties") != tt.refused {
			t.Errorf("%s: against the client: %q", tt.name, against)
		}
		if got := !f.Admit(f.v, from("192.0.2.1"), time.Now()); got != tt.refused || (f.v.Usage().Refused.Penalty == 1) != got {
			t.Errorf("%s: refused %v, %+v", tt.name, got, f.v.Usage().Refused)
		}
		if !f.Admit(f.v, from("192.0.2.2"), time.Now()) {
			t.Errorf("%s: another client is refused", tt.name)
		}
		if said := f.book.Lines(); strings.Contains(said, "one/tcp from 192.0.2.1 is refused until ") != tt.refused {
			t.Errorf("%s: log %q", tt.name, said)
		}
	}
}

// TestSensor: a client that has touched a sensor is refused by other services, and its
// datagrams are not heard.
func TestSensor(t *testing.T) {
	t.Parallel()
	d := newFixture(t, nil, limit.Limits{})
	other := d.v
	sensor := &table.Service{Label: "trap/tcp", At: table.Place{Line: 1}, Do: &table.Action{Action: &plan.Action{Builtin: plan.SensorName}, Keys: &conf.Keys{Sensor: time.Hour}}}
	him, her := from("192.0.2.1"), from("192.0.2.2")
	if !d.Admit(other, him, time.Now()) || !d.Hears(other, him.Peer) {
		t.Error("refused before")
	}
	sensor.Do.Keys.PenaltyExempt = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/32")}
	if d.Admit(sensor, him, time.Now()) || d.Admit(sensor, her, time.Now()) || sensor.Usage().Refused.Rules != 2 {
		t.Errorf("a sensor serves somebody; %+v", sensor.Usage().Refused)
	}
	if d.Admit(other, him, time.Now()) || d.Hears(other, him.Peer) {
		t.Error("not refused after")
	}
	if !d.Admit(other, her, time.Now()) || !d.Hears(other, her.Peer) {
		t.Error("another one is refused")
	}
	if want := "trap/tcp: 192.0.2.1 has touched the sensor, and no service serves it for 1h0m0s (inetd.conf:1)\n"; !strings.HasPrefix(d.book.Lines(), want) {
		t.Errorf("the log says %q", d.book.Lines())
	}
}

// TestAnswers: a source gets a bounded number of answers, and this machine any number.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source string
		limits limit.Limits
		want   int
	}{
		{"192.0.2.1", limit.Limits{}, RepliesPerMin},
		{"192.0.2.1", limit.Limits{PerMinute: 7}, 7},
		{"192.0.2.1", limit.Limits{SourceWindow: time.Nanosecond}, RepliesPerMin}, // the window belongs to a limit of the entry
		{"127.0.0.1", limit.Limits{}, RepliesPerMin + 10},
		{"127.0.0.1", limit.Limits{PerMinute: 7}, 7},
	} {
		d, n := newFixture(t, nil, tt.limits), 0
		for range RepliesPerMin + 10 {
			if d.Answers(d.v, netip.MustParseAddr(tt.source)) {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s, %+v: %d answers, want %d", tt.source, tt.limits, n, tt.want)
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
		f.book.Now.Banners = map[string]string{"/b": "closed\n"}
		if got := f.Refusal(f.v); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// keysOf returns keys of which only one is written in the entry.
func keysOf(key string) *conf.Keys {
	return &conf.Keys{
		Refuse: "no\r\n", BannerFail: "/b",
		Options: []conf.Option{{Key: conf.Word{Text: key, Pos: conf.Pos{File: "inetd.conf", Line: 4}}}},
	}
}

// TestHears: a datagram is not heard while the service is closed to all.
func TestHears(t *testing.T) {
	t.Parallel()
	for load, want := range map[float64]bool{2: false, 2.01: true} {
		f := newFixture(t, &conf.Keys{MaxLoad: load}, limit.Limits{})
		if got := f.Hears(f.v, from("192.0.2.1").Peer); got != want {
			t.Errorf("max_load = %v: %v", load, got)
		}
	}
}

// TestUnwelcome: each connection that is refused by its address is logged, but of datagrams,
// whose sender may be forged, only one a minute.
func TestUnwelcome(t *testing.T) {
	t.Parallel()
	for listens, want := range map[bool]int{true: 3, false: 1} {
		f := newFixture(t, nil, limit.Limits{})
		f.deny("192.0.2.1")
		f.v.Do.Listens = listens
		for range 3 {
			f.Admit(f.v, from("192.0.2.1"), time.Now())
		}
		if got := strings.Count(f.book.Lines(), "refused connection"); got != want || f.v.Usage().Refused.Rules != 3 {
			t.Errorf("listens %v: %d lines, want %d, %+v", listens, got, want, f.v.Usage().Refused)
		}
	}
}

// TestWelcome: banner_success is for clients that are served over a connection of their own.
func TestWelcome(t *testing.T) {
	t.Parallel()
	for mode, want := range map[plan.Mode]string{plan.Accept: "hello\n", plan.Lend: ""} {
		f := newFixture(t, &conf.Keys{BannerSuccess: "/b"}, limit.Limits{})
		f.v.Do.Mode = mode
		f.book.Now.Banners = map[string]string{"/b": "hello\n"}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.Welcome(f.v, pair[0])
		b := make([]byte, 100)
		n, _ := unix.Read(pair[1], b)
		if got := string(b[:max(n, 0)]); got != want {
			t.Errorf("mode %v: %q, want %q", mode, got, want)
		}
		unix.Close(pair[0])
		unix.Close(pair[1])
	}
}
