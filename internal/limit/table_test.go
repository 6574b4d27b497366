package limit

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// number is one of many addresses.
func number(i int) Source {
	return Address(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
}

// A source that has reached a limit is not forgotten in favour of others that
// have not, however many there are: senders may be forged.
func TestLimitedSourceIsNotForgotten(t *testing.T) {
	t.Parallel()
	const most = 100
	for _, tt := range []struct {
		name string
		take func(u *Usage, who Source) bool
	}{
		{"replies", func(u *Usage, who Source) bool { return u.Reply(noon, who, most) }},
		{"starts", func(u *Usage, who Source) bool {
			if u.Admit(noon, who, Limits{PerMinute: most}).Why != "" {
				return false
			}
			u.Release(who)
			return true
		}},
	} {
		for used := range most + 1 { // before the others come
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
			if u.Reply(noon, number(i), most) {
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
			u.Reply(noon, Address(netip.AddrFrom16([16]byte{0x20, 1, 5: byte(i >> 8), 6: byte(i)})), 1)
			u.Reply(noon, User(uint32(i)), 1)
		}
	}
	for who, what := range map[Source]string{number(0): "an IPv4 address", Machine(3): "a machine"} {
		if !u.Reply(noon, who, 1) {
			t.Errorf("%s is refused", what)
		}
	}
	if u.Reply(noon, User(1<<20), 1) {
		t.Error("more users are counted than may be")
	}
	if !u.Reply(noon.Add(Interval), User(1<<20), 1) {
		t.Error("a user is refused after all others' time has passed")
	}
}

// Whoever has a server is never forgotten.
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

// counted is how many sources have a tally.
func (u *Usage) counted() int { return len(u.sources) }

// A source whose window has passed makes room before one that is within it, and
// leaves nothing to the newcomer.
func TestPassedSourcesMakeRoom(t *testing.T) {
	t.Parallel()
	var u Usage
	later := noon.Add(Interval)
	for i := range maxSources {
		at := noon
		if i%2 == 0 {
			at = later
		}
		for range 3 {
			u.Reply(at, number(i), 4)
		}
	}
	for i := range maxSources / 2 {
		for n := range 4 {
			if !u.Reply(later, number(1<<20+i), 4) {
				t.Fatalf("newcomer %d has %d, the limit is 4", i, n)
			}
		}
	}
	for i := 0; i < maxSources; i += 2 {
		if !u.Reply(later, number(i), 4) || u.Reply(later, number(i), 4) {
			t.Fatalf("what source %d has used is forgotten", i)
		}
	}
}

// A million addresses take no more memory than the first few thousand, and a
// source that is known takes none.
func TestMillionAddresses(t *testing.T) {
	var u Usage
	now := noon
	visit := func(who Source) {
		now = now.Add(time.Millisecond)
		u.Reply(now, who, 6000)
		u.Admit(now, who, Limits{PerMinute: 100})
		u.Release(who)
	}
	for i := range 100_000 {
		visit(number(i))
	}
	before := heap()
	for i := range 1_000_000 {
		visit(number(1_000_000 + i))
	}
	if after := heap(); after > before+100_000 {
		t.Errorf("%d bytes more", after-before)
	}
	known := number(1_999_999)
	if n := testing.AllocsPerRun(1000, func() { visit(known) }); n > 0 {
		t.Errorf("%v allocations for a source that is known", n)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// account is what a model knows of a source: all its starts and its servers.
type account struct {
	starts []time.Time
	live   int
	window Window // as long as there are few sources, its own
}

// Random starts and ends of few sources are counted as in a plain list; with
// many sources nobody has more than the limits, nor is a server forgotten.
func TestUsageIsItsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 11))
		sources := 5
		if seed%2 == 1 {
			sources = 3 * maxSources
		}
		l := Limits{PerMinute: r.IntN(4), PerSource: r.IntN(3)}
		var u Usage
		accounts := map[Source]*account{}
		now, live := noon, 0
		for range 20_000 {
			now = now.Add(time.Duration(r.IntN(int(Interval) / 3000)))
			who := number(min(r.IntN(sources), r.IntN(sources)))
			a := accounts[who]
			if a == nil {
				a = &account{}
				accounts[who] = a
			}
			if a.live > 0 && r.IntN(2) == 0 {
				u.Release(who)
				a.live--
				live--
				continue
			}
			may := (l.PerSource == 0 || a.live < l.PerSource) && !a.window.Full(now, l.PerMinute)
			got := u.Admit(now, who, l).Why == ""
			if got && !may || !got && may && sources < maxSources {
				t.Fatalf("seed %d: %+v with limits %+v: %v", seed, a, l, got)
			}
			if got {
				a.window.Admit(now, 0)
				a.live++
				live++
			}
			if u.Live != live {
				t.Fatalf("seed %d: %d servers, not %d", seed, u.Live, live)
			}
		}
	}
}
