package limit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// noon is any time.
var noon = time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)

func TestWindow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		limit int
		over  time.Duration   // 0: the usual time
		at    []time.Duration // of the starts that are tried, after noon
		want  string          // + for each that is admitted, - for the others
	}{
		{"exactly the limit", 3, 0, make([]time.Duration, 5), "+++--"},
		{"a limit of one", 1, 0, []time.Duration{0, 1, 59 * time.Second}, "+--"},
		{"none", 0, 0, make([]time.Duration, 6), "++++++"},
		{"a window passes", 2, 0, []time.Duration{0, time.Second, 59 * time.Second, 60 * time.Second, 61 * time.Second, 62 * time.Second}, "++-++-"},
		{"a window begins with a start", 2, 0, []time.Duration{0, 90 * time.Second, 149 * time.Second, 149 * time.Second, 150 * time.Second}, "+++-+"},
		{"its last moment counts", 1, 0, []time.Duration{0, Interval - 1, Interval}, "+-+"},
		{"refusals do not prolong it", 1, 0, []time.Duration{0, 30 * time.Second, 59 * time.Second, 60 * time.Second}, "+--+"},
		{"another time", 2, time.Second, []time.Duration{0, 1, 2, time.Second - 1, time.Second, time.Second, time.Second}, "++--++-"},
		{"an hour", 1, time.Hour, []time.Duration{0, Interval, time.Hour - 1, time.Hour}, "+--+"},
	} {
		var w Window
		got := ""
		for _, at := range tt.at {
			if w.Admit(noon.Add(at), tt.limit, tt.over) {
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
	var w Window
	for range 10 {
		if w.Full(noon, 1, 0) {
			t.Fatal("full without a start")
		}
	}
	w.Admit(noon, 1, 0)
	if !w.Full(noon, 1, 0) || w.Full(noon, 2, 0) || w.Full(noon, 0, 0) || w.Full(noon.Add(Interval), 1, 0) {
		t.Error("one start fills a limit of 1, for one interval, and no other limit")
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	var c tally
	for _, tt := range []struct {
		live   int
		starts int
		limits Limits
		want   string
	}{
		{0, 0, Limits{PerSource: 1, PerMinute: 1}, ""},
		{1, 0, Limits{PerSource: 1}, "counts 1"},
		{2, 0, Limits{PerSource: 1}, "counts 1"},
		{1, 0, Limits{PerSource: 2}, ""},
		{9, 9, Limits{Starts: 1, Max: 1}, ""},
		{0, 2, Limits{PerMinute: 2}, "counts/min 2"},
		{0, 2, Limits{PerMinute: 3}, ""},
		{3, 3, Limits{PerSource: 3, PerMinute: 3}, "counts 3"},
		{0, 2, Limits{PerMinute: 2, SourceWindow: time.Hour}, "counts/1h 2"},
		{0, 2, Limits{PerMinute: 2, SourceWindow: 10 * time.Second}, "counts/10s 2"},
		{0, 2, Limits{PerMinute: 2, SourceWindow: 90 * time.Minute}, "counts/1h30m 2"},
	} {
		c = tally{live: tt.live, starts: Window{noon, tt.starts}}
		got := ""
		if r := c.refusal(noon, tt.limits); r.Why != "" {
			got = fmt.Sprint(r, " ", r.Limit)
		}
		if got != tt.want {
			t.Errorf("%d running, %d started, limits %+v: refused for %q, want %q", tt.live, tt.starts, tt.limits, got, tt.want)
		}
	}
}

// TestRefusalAsAdmit: Refusal returns what Admit then returns, and counts nothing.
func TestRefusalAsAdmit(t *testing.T) {
	t.Parallel()
	who, other := Address(netip.MustParseAddr("192.0.2.1")), Address(netip.MustParseAddr("192.0.2.2"))
	for _, l := range []Limits{{}, {PerMinute: 2}, {PerSource: 2}, {Max: 1}} {
		var u Usage
		for i := range 4 {
			at := noon.Add(time.Duration(i) * 25 * time.Second) // the last one is in another window
			asked, again := u.Refusal(at, who, l), u.Refusal(at, who, l)
			if told := u.Admit(at, who, l); asked != told || again != told {
				t.Errorf("%+v, start %d: %+v and %+v, but then %+v", l, i, asked, again, told)
			}
			if r := u.Refusal(at, other, l); r != (Refusal{}) {
				t.Errorf("%+v: another source: %+v", l, r)
			}
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
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"::1", "127.0.0.1", false},
	} {
		if same := Address(netip.MustParseAddr(tt.a)) == Address(netip.MustParseAddr(tt.b)); same != tt.same {
			t.Errorf("%s and %s are one source: %v, want %v", tt.a, tt.b, same, tt.same)
		}
	}
}

func TestSourceString(t *testing.T) {
	t.Parallel()
	for who, want := range map[Source]string{
		Address(netip.MustParseAddr("192.0.2.1")):          "192.0.2.1",
		Address(netip.MustParseAddr("::ffff:192.0.2.1")):   "192.0.2.1",
		Address(netip.MustParseAddr("2001:db8:1:2::9%lo")): "2001:db8:1:2::/64",
		Address(netip.Addr{}):                              "nobody",
		User(1000):                                         "uid 1000",
		Machine(3):                                         "cid 3",
	} {
		if who.String() != want {
			t.Errorf("%q, want %q", who, want)
		}
	}
}

// TestSourceBits: an entry may say how many bits of an address are one source.
func TestSourceBits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bits Bits
		a, b string
		same bool
		name string // of a
	}{
		{Bits{24, 48}, "192.0.2.1", "192.0.2.255", true, "192.0.2.0/24"},
		{Bits{24, 48}, "192.0.2.1", "192.0.3.1", false, "192.0.2.0/24"},
		{Bits{1, 1}, "127.0.0.1", "10.0.0.1", true, "0.0.0.0/1"},
		{Bits{1, 1}, "127.0.0.1", "128.0.0.1", false, "0.0.0.0/1"},
		{Bits{32, 128}, "192.0.2.1", "192.0.2.2", false, "192.0.2.1"},
		{Bits{24, 48}, "2001:db8:1:2::1", "2001:db8:1:ffff::1", true, "2001:db8:1::/48"},
		{Bits{24, 48}, "2001:db8:1:2::1", "2001:db8:2::1", false, "2001:db8:1::/48"},
		{Bits{24, 65}, "2001:db8::1", "2001:db8::2", true, "2001:db8::/65"},
		{Bits{24, 65}, "2001:db8::1", "2001:db8:0:0:8000::1", false, "2001:db8::/65"},
		{Bits{24, 128}, "2001:db8::1", "2001:db8::2", false, "2001:db8::1/128"},
		{Bits{0, 0}, "2001:db8::1", "2001:db8::2", true, "2001:db8::/64"},
	} {
		a, b := tt.bits.Source(netip.MustParseAddr(tt.a)), tt.bits.Source(netip.MustParseAddr(tt.b))
		if (a == b) != tt.same || a.String() != tt.name {
			t.Errorf("%v: %s is %v, and %s is %v", tt.bits, tt.a, a, tt.b, b)
		}
	}
}

// A user or machine with the number of another source is a different source.
func TestSourcesOfSeveralKinds(t *testing.T) {
	t.Parallel()
	same := map[Source]bool{Address(netip.MustParseAddr("0.0.0.7")): true, Address(netip.MustParseAddr("0:0:0:7::1")): true, User(7): true, Machine(7): true}
	if len(same) != 4 {
		t.Errorf("%v", same)
	}
}

// TestWithdraw: a start that was admitted and did not happen counts nowhere.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	var u Usage
	now, who, l := time.Unix(1000, 0), User(7), Limits{Starts: 2, PerMinute: 1, PerSource: 1}
	for range 5 {
		if r := u.Admit(now, who, l); r.Why != "" {
			t.Fatal(r)
		}
		u.Withdraw(who)
	}
	if u.Live != 0 || u.Starts.Count != 0 {
		t.Errorf("%d servers, %d starts", u.Live, u.Starts.Count)
	}
	u.Admit(now, who, l)
	if r := u.Admit(now, who, l); r.Why == "" {
		t.Error("a source is admitted twice")
	}
}
