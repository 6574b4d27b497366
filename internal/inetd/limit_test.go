package inetd

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"inetd/internal/conf"
)

// noon is any time.
var noon = time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)

func TestWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		limit int
		at    []time.Duration // of the starts that are tried, after noon
		want  string          // + for each that is admitted, - for the others
	}{
		{"exactly the limit", 3, make([]time.Duration, 5), "+++--"},
		{"a limit of one", 1, []time.Duration{0, 1, 59 * time.Second}, "+--"},
		{"none", 0, make([]time.Duration, 6), "++++++"},
		{"a window passes", 2, []time.Duration{0, time.Second, 59 * time.Second, 60 * time.Second, 61 * time.Second, 62 * time.Second}, "++-++-"},
		{"a window begins with a start", 2, []time.Duration{0, 90 * time.Second, 149 * time.Second, 149 * time.Second, 150 * time.Second}, "+++-+"},
		{"its last moment counts", 1, []time.Duration{0, countInterval - 1, countInterval}, "+-+"},
		{"refusals do not prolong it", 1, []time.Duration{0, 30 * time.Second, 59 * time.Second, 60 * time.Second}, "+--+"},
	} {
		var w window
		got := ""
		for _, at := range tt.at {
			if w.admit(noon.Add(at), tt.limit) {
				got += "+"
			} else {
				got += "-"
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Asking whether a window is full counts nothing.
func TestWindowFull(t *testing.T) {
	t.Parallel()
	var w window
	for range 10 {
		if w.full(noon, 1) {
			t.Fatal("full without a start")
		}
	}
	w.admit(noon, 1)
	if !w.full(noon, 1) || w.full(noon, 2) || w.full(noon, 0) || w.full(noon.Add(countInterval), 1) {
		t.Error("one start fills a limit of 1, for one interval, and no other limit")
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	var c source
	for _, tt := range []struct {
		live   int
		starts int
		limits limits
		want   string
	}{
		{0, 0, limits{perSource: 1, perMinute: 1}, ""},
		{1, 0, limits{perSource: 1}, "counts 1"},
		{2, 0, limits{perSource: 1}, "counts 1"},
		{1, 0, limits{perSource: 2}, ""},
		{9, 9, limits{starts: 1, max: 1}, ""},
		{0, 2, limits{perMinute: 2}, "counts/min 2"},
		{0, 2, limits{perMinute: 3}, ""},
		{3, 3, limits{perSource: 3, perMinute: 3}, "counts 3"},
	} {
		c = source{live: tt.live, starts: window{noon, tt.starts}}
		got := ""
		if why, limit := c.refusal(noon, tt.limits); why != "" {
			got = fmt.Sprint(why, " ", limit)
		}
		if got != tt.want {
			t.Errorf("%d running, %d started, limits %+v: refused for %q, want %q", tt.live, tt.starts, tt.limits, got, tt.want)
		}
	}
}

func TestSourceOfAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::1", "127.0.0.1", false},
	} {
		var u usage
		a := u.source(netip.MustParseAddr(tt.a), noon)
		b := u.source(netip.MustParseAddr(tt.b), noon)
		if (a == b) != tt.same {
			t.Errorf("%s and %s share their counters: %v, want %v", tt.a, tt.b, a == b, tt.same)
		}
	}
}

// A client with many addresses cannot fill the memory, nor make the daemon
// forget whose servers are running.
func TestSourcesAreBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		step time.Duration // between two clients
	}{
		{"at once", 0},
		{"in three minutes", 3 * time.Minute / (3 * maxSources)},
	} {
		var u usage
		busy := netip.MustParseAddr("192.0.2.1")
		u.source(busy, noon).live = 1
		for i := range 3 * maxSources {
			now := noon.Add(time.Duration(i) * tt.step)
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			u.source(addr, now).starts.admit(now, 0)
			if len(u.sources) > maxSources {
				t.Fatalf("%s: %d sources after %d clients", tt.name, len(u.sources), i+1)
			}
		}
		if u.sources[busy] == nil {
			t.Errorf("%s: the source of a running server was forgotten", tt.name)
		}
	}
}

// Of those that hold nothing, the ones whose window has passed go first.
func TestForgetOldestFirst(t *testing.T) {
	t.Parallel()
	var u usage
	now := noon.Add(countInterval)
	for i := range maxSources {
		began := noon
		if i < 10 {
			began = now
		}
		u.source(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), began).starts.admit(began, 0)
	}
	u.source(netip.MustParseAddr("192.0.2.1"), now)
	if len(u.sources) != 11 {
		t.Errorf("%d sources are left, want the 10 within their window and the new one", len(u.sources))
	}
}

func TestLimitsOfConfig(t *testing.T) {
	t.Parallel()
	cfg := Config{Starts: 256, Max: 10, PerMinute: 20, PerSource: 5}
	unset := conf.Limits{Starts: conf.Unset, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset}
	for _, tt := range []struct {
		entry conf.Limits
		want  limits
	}{
		{unset, limits{256, 10, 20, 5}},
		{conf.Limits{Starts: 40, Max: conf.Unset, PerMinute: conf.Unset, PerSource: conf.Unset}, limits{40, 10, 20, 5}},
		{conf.Limits{}, limits{}},
		{conf.Limits{Starts: conf.Unset, Max: 1, PerMinute: 0, PerSource: 2}, limits{256, 1, 0, 2}},
	} {
		if got := cfg.limits(tt.entry); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.entry, got, tt.want)
		}
	}
}
