package limit

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// number returns one of many addresses.
func number(i int) Source {
	return Address(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
}

// A source that has reached a limit is not forgotten in favour of others that
// have not, however many there are: senders may be forged.
func TestLimitedSourceIsNotForgotten(t *testing.T) {
	t.Parallel()
	const most = 20
	for _, tt := range []struct {
		name string
		take func(u *Usage, who Source) bool
	}{
		{"replies", func(u *Usage, who Source) bool { return u.Reply(noon, who, Limits{PerMinute: most}) }},
		{"starts", func(u *Usage, who Source) bool {
			if u.Admit(noon, who, Limits{PerMinute: most}).Why != "" {
				return false
			}
			u.Release(who)
			return true
		}},
	} {
		for _, used := range []int{0, 1, 2, most / 2, most - 1, most} { // before the others come
			var u Usage
			got := 0
			for range used {
				if tt.take(&u, number(0)) {
					got++
				}
			}
			for i := range 3 * maxSources {
				tt.take(&u, number(1+i))
			}
			for range 2 * most {
				if tt.take(&u, number(0)) {
					got++
				}
			}
			if got > most {
				t.Fatalf("%s: %d of %d, %d of them before many others came", tt.name, got, most, used)
			}
		}
	}
}

// More sources than are counted take turns. None has more than the limit.
func TestManySourcesTakeTurns(t *testing.T) {
	t.Parallel()
	const most, sources = 3, maxSources + 500
	var u Usage
	got := make([]int, sources)
	for range 4 * most {
		for i := range sources {
			if u.Reply(noon, number(i), Limits{PerMinute: most}) {
				got[i]++
			}
		}
	}
	for i, n := range got {
		if n > most {
			t.Fatalf("source %d has %d, the limit is %d", i, n, most)
		}
	}
}

// Many addresses of IPv6 are no burden to IPv4, and users none to either.
func TestKindsOfSourcesAreApart(t *testing.T) {
	t.Parallel()
	var u Usage
	for i := range 3 * maxSources {
		for range 2 {
			u.Reply(noon, Address(netip.AddrFrom16([16]byte{0x20, 1, 5: byte(i >> 8), 6: byte(i)})), Limits{PerMinute: 1})
			u.Reply(noon, User(uint32(i)), Limits{PerMinute: 1})
		}
	}
	for who, what := range map[Source]string{number(0): "an IPv4 address", Machine(3): "a machine"} {
		if !u.Reply(noon, who, Limits{PerMinute: 1}) {
			t.Errorf("%s is refused", what)
		}
	}
	if u.Reply(noon, User(1<<20), Limits{PerMinute: 1}) {
		t.Error("more users are counted than may be")
	}
	if !u.Reply(noon.Add(Interval), User(1<<20), Limits{PerMinute: 1}) {
		t.Error("a user is refused after all others' time has passed")
	}
}

// A source that has a server is never forgotten.
func TestSourceWithServerIsNotForgotten(t *testing.T) {
	t.Parallel()
	var u Usage
	l := Limits{PerSource: 1}
	for i := range 2 * maxSources {
		if r := u.Admit(noon, number(i), l); r.Why != "" {
			t.Fatalf("source %d: %s", i, r.Why)
		}
	}
	later := noon.Add(2 * Interval)
	for i := range 2 * maxSources {
		if r := u.Admit(later, number(i), l); r.Why != "counts" {
			t.Fatalf("source %d may have a second server", i)
		}
		u.Release(number(i))
	}
	for i := range 2 * maxSources {
		u.Admit(later, number(1<<20+i), l)
		u.Release(number(1<<20 + i))
	}
	if n := u.counted(); n > maxSources {
		t.Errorf("%d sources are counted after all servers have ended", n)
	}
}

// counted returns how many sources have a tally.
func (u *Usage) counted() (n int) {
	for _, b := range u.sources {
		n += len(b.tallies)
	}
	return n
}

// A source whose window has passed makes room before one that is within it, and
// leaves nothing to the newcomer.
func TestPassedSourcesMakeRoom(t *testing.T) {
	t.Parallel()
	var u Usage
	later := noon.Add(Interval)
	for _, at := range []time.Time{noon, later} {
		for i := range maxSources {
			if (i%2 == 0) == at.Equal(later) {
				u.Reply(at, number(i), Limits{PerMinute: 4})
				if at.Equal(noon) {
					u.Reply(at, number(i), Limits{PerMinute: 4})
				}
			}
		}
	}
	for i := range maxSources / 2 {
		for n := range 4 {
			if !u.Reply(later, number(1<<20+i), Limits{PerMinute: 4}) {
				t.Fatalf("newcomer %d has %d, the limit is 4", i, n)
			}
		}
	}
	for i := 0; i < maxSources; i += 2 {
		for n := range 4 {
			if u.Reply(later, number(i), Limits{PerMinute: 4}) != (n < 3) {
				t.Fatalf("what source %d has used is forgotten", i)
			}
		}
	}
}

// Ever more addresses take no more memory than the first few thousand, and a
// source that is known takes none.
func TestMemoryIsFlat(t *testing.T) {
	var u Usage
	now := noon
	reply := func(i int) {
		now = now.Add(time.Millisecond)
		u.Reply(now, number(i), Limits{PerMinute: 6000})
	}
	for i := range 10 * maxSources {
		reply(i)
	}
	before := heapInUse()
	many := 300_000
	if os.Getenv("INETD_ATTACK") != "" { // make check-attack
		many = 1_000_000
	}
	for i := range many {
		reply(1_000_000 + i)
	}
	// One of Go's maps may split its tables once more while entries come and go.
	if after := heapInUse(); after > before+1<<20 {
		t.Errorf("%d bytes more", after-before)
	}
	n := testing.AllocsPerRun(1000, func() {
		who := number(1_000_000 + many - 1)
		now = now.Add(Interval)
		u.Admit(now, who, Limits{PerMinute: 1, PerSource: 1})
		u.Admit(now, who, Limits{PerMinute: 1, PerSource: 1})
		u.Release(who)
	})
	if n > 0 {
		t.Errorf("%v allocations for a source that is known", n)
	}
	next := 3_000_000
	if n := testing.AllocsPerRun(1000, func() { reply(next); next++ }); n > 0 {
		t.Errorf("%v allocations for one that takes the place of another", n)
	}
}

// What counts for newcomers is the most that any forgotten source has used, even if one
// that has used less is forgotten later.
func TestForgottenIsTheMost(t *testing.T) {
	t.Parallel()
	var u Usage
	l := Limits{PerMinute: 4, PerSource: 4}
	servers := []Source{number(1 << 20), number(1<<20 + 1)}
	for _, who := range servers {
		u.Admit(noon, who, l)
	}
	for range 3 {
		for i := range maxSources - len(servers) {
			u.Reply(noon, number(i), Limits{PerMinute: 4})
		}
	}
	for _, newcomer := range []int{maxSources, maxSources + 1} {
		u.Reply(noon, number(newcomer), Limits{PerMinute: 4}) // in the place of number 0, then of a server that has ended
		u.Release(servers[newcomer-maxSources])
	}
	if !u.Reply(noon, number(0), Limits{PerMinute: 4}) || u.Reply(noon, number(0), Limits{PerMinute: 4}) {
		t.Error("source 0 has not exactly one left")
	}
}

// What was used in a window that has passed is no newcomer's burden.
func TestForgottenIsForgotten(t *testing.T) {
	t.Parallel()
	var u Usage
	for range 3 {
		for i := range maxSources {
			u.Reply(noon, number(i), Limits{PerMinute: 4})
		}
	}
	u.Reply(noon, number(maxSources), Limits{PerMinute: 4})
	later := noon.Add(Interval)
	for i := range maxSources {
		u.Reply(later, number(i), Limits{PerMinute: 4})
	}
	for n := range 4 { // in the place of one that has used 1
		if u.Reply(later, number(2*maxSources), Limits{PerMinute: 4}) != (n < 3) {
			t.Errorf("%d were admitted, want 3", n)
		}
	}
}

// The end of a server that was not counted for its source changes nothing: the
// service may have been without limits when it began.
func TestReleaseOfWhatWasNotCounted(t *testing.T) {
	t.Parallel()
	var u Usage
	u.Admit(noon, number(1), Limits{})
	l := Limits{PerSource: 1, PerMinute: 10}
	u.Admit(noon, number(1), l)
	u.Release(number(1))
	u.Release(number(1))
	if u.Admit(noon, number(1), l).Why != "" || u.Admit(noon, number(1), l).Why != "counts" || u.Live != 1 {
		t.Errorf("not one of one server, %d altogether", u.Live)
	}
}

// A source is refused until its window has passed, and a newcomer when there is no
// tally left for it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	var u Usage
	l := Limits{PerMinute: 1}
	got := ""
	admit := func(now time.Time, i int) {
		switch r := u.Admit(now, number(i), l); {
		case r.Why == "":
			got += "+"
			u.Release(number(i))
		case r.Rate:
			got += "-"
		default:
			got += "!"
		}
	}
	for _, at := range []time.Duration{0, 1, 2, Interval, Interval, Interval} {
		admit(noon.Add(at), 0)
	}
	for i := range maxSources - 1 {
		u.Reply(noon.Add(Interval), number(1+i), Limits{PerMinute: 1})
	}
	for i := range 3 {
		admit(noon.Add(Interval), maxSources+i)
	}
	for i := range maxSources {
		u.Reply(noon.Add(2*Interval), number(i), Limits{PerMinute: 1})
	}
	admit(noon.Add(2*Interval), maxSources)
	if want := "+--+--!!!!"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// account is what a model knows of a source.
type account struct {
	live   int
	window Window
	starts []time.Time
}

// recent returns how many starts there were within some time.
func (a *account) recent(now time.Time, over time.Duration) (n int) {
	for _, at := range slices.Backward(a.starts) {
		if now.Sub(at) >= over {
			break
		}
		n++
	}
	return n
}

// usageModel is a Usage beside a plain record of what its sources did.
type usageModel struct {
	Usage
	limits   Limits
	crowd    bool // there are more sources than tallies
	accounts map[Source]*account
	running  int
}

// Random servers of few sources start and end as a plain record says. Of many sources,
// none has more servers than the limit, nor more starts than two windows that follow each
// other allow.
func TestUsageIsItsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 11))
		sources := []int{5, 2 * maxSources}[seed%2]
		m := usageModel{
			limits:   Limits{PerMinute: r.IntN(4), PerSource: r.IntN(3), SourceWindow: []time.Duration{0, Interval / 7, Interval}[r.IntN(3)]},
			crowd:    sources > maxSources,
			accounts: map[Source]*account{},
		}
		for now := noon; now.Before(noon.Add(3 * Interval)); now = now.Add(time.Duration(r.IntN(int(Interval / 3000)))) {
			who := number(min(r.IntN(sources), r.IntN(sources)))
			if m.accounts[who] == nil {
				m.accounts[who] = &account{}
			}
			if a := m.accounts[who]; a.live > 0 && r.IntN(2) == 0 {
				m.Release(who)
				a.live--
				m.running--
			} else if !m.start(who, now) {
				t.Fatalf("seed %d: wrong for a source with %d servers and %d starts, limits %+v", seed, a.live, a.recent(now, period(m.limits.SourceWindow)), m.limits)
			}
			if m.Live != m.running {
				t.Fatalf("seed %d: %d servers, want %d", seed, m.Live, m.running)
			}
		}
	}
}

// start starts a server, if the limits allow it, and reports whether the answer was
// right.
func (m *usageModel) start(who Source, now time.Time) bool {
	a, l := m.accounts[who], m.limits
	room := l.PerSource == 0 || a.live < l.PerSource
	may := room && !a.window.Full(now, l.PerMinute, l.SourceWindow)
	got := m.Admit(now, who, l).Why == ""
	if got {
		a.window.Admit(now, 0, l.SourceWindow)
		a.starts = append(a.starts, now)
		a.live++
		m.running++
	}
	if m.crowd {
		return !got || room && (l.PerMinute == 0 || a.recent(now, period(l.SourceWindow)) <= 2*l.PerMinute)
	}
	return got == may
}
