package limit

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"
)

var terms = Terms{Min: 15 * time.Second, Max: 10 * time.Minute}

// TestPenalties: penalties add up and decay; a source is refused from the minimum on
// until all has passed, and its neighbour is not.
func TestPenalties(t *testing.T) {
	t.Parallel()
	const s = time.Second
	type step struct {
		at, by  time.Duration // 0: only asked
		begins  bool
		refused bool
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"one crash", []step{{0, 90 * s, true, true}, {89 * s, 0, false, true}, {90 * s, 0, false, false}}},
		{"below the minimum", []step{{0, 14 * s, false, false}, {14 * s, 14 * s, false, false}}},
		{"several come to it", []step{{0, 5 * s, false, false}, {1 * s, 5 * s, false, false}, {2 * s, 5 * s, false, false}, {3 * s, 5 * s, true, true}, {15 * s, 0, false, true}, {20 * s, 0, false, false}}},
		{"refused below the minimum until all has passed", []step{{0, 15 * s, true, true}, {14 * s, 0, false, true}, {15 * s, 0, false, false}}},
		{"more while refused", []step{{0, 20 * s, true, true}, {10 * s, 20 * s, false, true}, {39 * s, 0, false, true}, {40 * s, 0, false, false}}},
		{"again later", []step{{0, 20 * s, true, true}, {30 * s, 5 * s, false, false}, {31 * s, 20 * s, true, true}}},
		{"maximum", []step{{0, 3600 * s, true, true}, {1 * s, 3600 * s, false, true}, {600 * s, 0, false, true}, {601 * s, 0, false, false}}},
		{"nothing", []step{{0, -1, false, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l Ledger
			for i, step := range tt.steps {
				now := noon.Add(step.at)
				begins := false
				if step.by != 0 {
					_, begins = l.Punish(now, number(1), step.by, terms)
				}
				if got := l.Refuses(now, number(1)); got != step.refused || begins != step.begins {
					t.Errorf("step %d: refused %v, begins %v", i, got, begins)
				}
				if l.Refuses(now, number(2)) || l.Refuses(now, Source{}) {
					t.Errorf("step %d: another one is refused", i)
				}
			}
		})
	}
	var l Ledger
	if _, begins := l.Punish(noon, Source{}, time.Hour, terms); begins {
		t.Error("nobody in particular is refused")
	}
}

// TestPenaltiesAreBounded: however many sources there are, memory is flat, and those
// that owe most stay. Sources of other kinds are not touched.
func TestPenaltiesAreBounded(t *testing.T) {
	var l Ledger
	crasher := Address(netip.MustParseAddr("203.0.113.9"))
	l.Punish(noon, crasher, 5*time.Minute, terms)
	six := Address(netip.MustParseAddr("2001:db8::1"))
	l.Punish(noon, six, 16*time.Second, terms)
	var first int64
	many := 100_000
	if os.Getenv("INETD_ATTACK") != "" { // make check-attack
		many = 1_000_000
	}
	for i := range many {
		l.Punish(noon.Add(time.Duration(i)), number(i), time.Minute, terms)
		if i == 2*maxDebts {
			first = heapInUse()
		}
	}
	if grown := heapInUse() - first; grown > 1<<20 {
		t.Errorf("%d bytes more", grown)
	}
	four := &l.accounts[crasher.kind]
	if len(four.debts) != maxDebts || len(four.order) != maxDebts {
		t.Errorf("%d debts, %d in order", len(four.debts), len(four.order))
	}
	if !l.Refuses(noon.Add(time.Second), crasher) || !l.Refuses(noon.Add(time.Second), six) {
		t.Error("who owes more was forgiven")
	}
	if !l.Refuses(noon.Add(time.Second), number(many-1)) {
		t.Error("the last one is not refused")
	}
	if _, begins := l.Punish(noon.Add(time.Second), number(-1), 20*time.Second, terms); begins {
		t.Error("who owes less took a place")
	}
	later := noon.Add(time.Hour)
	l.Punish(later, number(7), time.Minute, terms)
	if len(four.debts) != 1 || len(four.order) != 1 {
		t.Errorf("%d debts an hour later", len(four.debts))
	}
}

// TestLedgerIsItsModel: as long as there is room, a ledger is a plain map.
func TestLedgerIsItsModel(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	type entry struct {
		until   time.Time
		refused bool
	}
	var l Ledger
	model := map[Source]*entry{}
	now := noon
	for range 20_000 {
		now = now.Add(time.Duration(r.IntN(300)) * time.Millisecond)
		who, by := number(r.IntN(40)), time.Duration(r.IntN(20))*time.Second
		if r.IntN(2) == 0 {
			l.Punish(now, who, by, terms)
			e := model[who]
			if e == nil || !e.until.After(now) {
				e = &entry{until: now}
				model[who] = e
			}
			e.until = e.until.Add(by)
			e.refused = e.refused || e.until.Sub(now) >= terms.Min
		}
		e := model[who]
		if got, want := l.Refuses(now, who), e != nil && e.refused && e.until.After(now); got != want {
			t.Fatalf("refused %v, want %v", got, want)
		}
	}
}

// TestBan: a source is refused until the latest end of its bans, and nobody else.
func TestBan(t *testing.T) {
	t.Parallel()
	var l Ledger
	a, b := Address(netip.MustParseAddr("192.0.2.1")), Address(netip.MustParseAddr("192.0.2.2"))
	for _, step := range []struct {
		at     time.Duration
		by     time.Duration // 0: nobody is banned
		begins bool
		until  time.Duration // it is refused, -1: it is not
	}{
		{0, 0, false, -1},
		{0, time.Minute, true, time.Minute},
		{30 * time.Second, time.Minute, false, 90 * time.Second},
		{40 * time.Second, time.Second, false, 90 * time.Second},
		{90 * time.Second, 0, false, -1},
		{2 * time.Minute, time.Minute, true, 3 * time.Minute},
		{2 * time.Minute, 1<<63 - 1, false, 1<<63 - 1},
		{100 * 365 * 24 * time.Hour, 0, false, 1<<63 - 1},
	} {
		now := noon.Add(step.at)
		if _, begins := l.Ban(now, a, step.by); begins != step.begins {
			t.Errorf("after %v: begins %v", step.at, begins)
		}
		if got := l.Refuses(now, a); got != (step.until >= 0) || l.Refuses(now, b) {
			t.Errorf("after %v: refused %v", step.at, got)
		}
		if end := noon.Add(step.until); step.until > 0 && step.until < time.Hour && l.Refuses(end, a) {
			t.Errorf("after %v: still refused at %v", step.at, step.until)
		}
	}
	for i := range 2 * maxDebts { // there is room for so many, and those that end last stay
		l.Ban(noon, Address(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})), time.Minute)
	}
	if !l.Refuses(noon, a) || len(l.accounts[a.kind].order) != maxDebts {
		t.Errorf("%d debts, that of the longest %v", len(l.accounts[a.kind].order), l.Refuses(noon, a))
	}
}
