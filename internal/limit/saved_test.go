package limit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// copyOf sends a value to another process and back.
func copyOf[T any](t *testing.T, from *T) *T {
	t.Helper()
	text, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	to := new(T)
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	again, err := json.Marshal(to)
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("%s, then %s (%v)", text, again, err)
	}
	return to
}

// TestUsageGoesOn: what a service and its sources have used still counts in another
// process, and what runs can be released there.
func TestUsageGoesOn(t *testing.T) {
	t.Parallel()
	l := Limits{Starts: 3, PerMinute: 2, PerSource: 2}
	one, two := Address(netip.MustParseAddr("192.0.2.1")), Address(netip.MustParseAddr("2001:db8::1"))
	u := &Usage{}
	for range 2 {
		u.Admit(noon, one, l)
	}
	u.Admit(noon, two, l)
	u.Release(two)
	u = copyOf(t, u)
	if u.Live != 2 || !u.Starts.Full(noon, l.Starts, l.Window) {
		t.Errorf("%d live, starts %+v", u.Live, u.Starts)
	}
	if r := u.Admit(noon, one, l); r.Why != "counts" {
		t.Errorf("one more of the first source: %q", r.Why)
	}
	u.Release(one)
	if r := u.Admit(noon, one, l); r.Why != "counts/min" {
		t.Errorf("after a release: %q", r.Why)
	}
	if r := u.Admit(noon, two, l); r.Why != "" {
		t.Errorf("the second source: %q", r.Why)
	}
}

// TestForgottenGoOn: no source gets more than a limit allows because another process has
// forgotten it.
func TestForgottenGoOn(t *testing.T) {
	t.Parallel()
	u, l := &Usage{}, Limits{PerMinute: 5}
	for i := range 2 * maxSources {
		who := User(uint32(i))
		u.Admit(noon, who, l)
		u.Release(who)
	}
	before := u.table(User(0)).forgotten
	if after := copyOf(t, u).table(User(0)).forgotten; before.Count == 0 || after.Count != before.Count || !after.Start.Equal(before.Start) {
		t.Errorf("forgotten %+v, then %+v", before, after)
	}
}

// TestDebtsGoOn: a refused source stays refused, until the same time.
func TestDebtsGoOn(t *testing.T) {
	t.Parallel()
	l := &Ledger{}
	until, _ := l.Punish(noon, User(7), time.Minute, terms)
	l.Punish(noon, User(8), time.Second, terms)
	l = copyOf(t, l)
	if !l.Refuses(until.Add(-1), User(7)) || l.Refuses(until, User(7)) || l.Refuses(noon, User(8)) {
		t.Error("another one is refused, or until another time")
	}
}

// TestSavedSources: a source is the same in another process.
func TestSavedSources(t *testing.T) {
	t.Parallel()
	for _, who := range []Source{{}, User(1), Machine(2), Address(netip.MustParseAddr("192.0.2.1")), Bits{V6: 128}.Source(netip.MustParseAddr("2001:db8::1:2:3"))} {
		if got := *copyOf(t, &who); got != who {
			t.Errorf("%v, want %v", got, who)
		}
	}
	for _, text := range []string{"", "1", "9:1:1:1", "1:200:1:1", "x:1:1:1"} {
		if err := new(Source).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestOddUsage: impossible values are left out.
func TestOddUsage(t *testing.T) {
	t.Parallel()
	const tally = `{"Source":"3:0:%d:0","Live":%d}`
	text := fmt.Sprintf(`{"Live":-3,"Tables":[{},{},{},{"Tallies":[%s,%[1]s,%s]},{},{}]}`, fmt.Sprintf(tally, 1, 1), fmt.Sprintf(tally, 2, -1))
	var u Usage
	if err := json.Unmarshal([]byte(text), &u); err != nil {
		t.Fatal(err)
	}
	if n := len(u.table(User(0)).tallies); u.Live != 0 || n != 1 {
		t.Errorf("%d live, %d sources", u.Live, n)
	}
}
