package limit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// silent enters n clients that wait from now on. Each must get in.
func silent(t *testing.T, p *Pool, service string, source Source, now time.Time, n int) (list []*Member) {
	t.Helper()
	for range n {
		m := p.Enter(service, source, now)
		if m == nil {
			t.Fatalf("client %d of %s from %s has no room", len(list)+1, service, source)
		}
		m.Evict = func() {}
		m.Wait(now)
		list = append(list, m)
	}
	return list
}

func TestPoolShares(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		enter   string // a letter for the service and a digit for the source of each client
		next    string
		room    bool // for a client of that service, whoever it is
		enters  bool
		waiting bool // all wait, but not for long
	}{
		{"nobody", "", "a1", true, true, false},
		{"others work", "a1a1b2b2", "c3", true, true, false},
		{"all of it works", "a1a1a2b2b3b3", "c4", false, false, false},
		{"a service works", "a1a2a3a4", "a5", false, false, false},
		{"its neighbour", "a1a2a3a4", "b5", true, true, false},
		{"a source works", "a1b1c1", "d1", true, false, false},
		{"its neighbour", "a1b1c1", "d2", true, true, false},
		{"all wait, two services have three", "a1a2a3b4b5b6", "c7", true, true, true},
		{"all wait, each is another", "a1b2c3d4e5f6", "g7", false, false, true},
		{"a service waits, each is another", "a1a2a3a4", "a5", false, false, true},
		{"a service waits, one source has two", "a1a1a2a3", "a4", true, true, true},
		{"that source itself", "a1a1a2a3", "a1", true, false, true},
		{"a source waits", "a1a1a1", "a1", true, false, true},
		{"a source waits in another service", "a1a1a1", "b1", true, true, true},
	} {
		p := Pool{Size: 6, PerService: 4, PerSource: 3, Patience: time.Minute}
		for i := 0; i < len(tt.enter); i += 2 {
			m := p.Enter(tt.enter[i:i+1], User(uint32(tt.enter[i+1])), noon)
			if m == nil {
				t.Fatalf("%s: no room for %s", tt.name, tt.enter[i:i+2])
			}
			if m.Evict = func() {}; tt.waiting {
				m.Wait(noon)
			}
		}
		now := noon.Add(time.Minute - 1)
		if got := p.Room(tt.next[:1], now); got != tt.room {
			t.Errorf("%s: room %v, want %v", tt.name, got, tt.room)
		}
		if got := p.Enter(tt.next[:1], User(uint32(tt.next[1])), now) != nil; got != tt.enters {
			t.Errorf("%s: %s enters: %v, want %v", tt.name, tt.next, got, tt.enters)
		}
	}
}

// The member that has waited longest makes room, if for long enough; one that works does
// not.
func TestPoolPatience(t *testing.T) {
	t.Parallel()
	p := Pool{Size: 3, PerService: 3, PerSource: 3, Patience: time.Minute}
	lost := ""
	enter := func(name string, at time.Duration) *Member {
		m := p.Enter(name, Source{}, noon.Add(at))
		if m != nil {
			m.Evict = func() { lost += name }
			m.Wait(noon.Add(at))
		}
		return m
	}
	a, b, c := enter("a", 0), enter("b", 0), enter("c", 1)
	a.Work()
	b.Wait(noon.Add(2))
	if enter("d", time.Minute) != nil || lost != "" {
		t.Fatalf("%q lost their room although no one had waited for long", lost)
	}
	d := enter("d", time.Minute+1)
	if d == nil || lost != "c" {
		t.Fatalf("%q lost their room, want c", lost)
	}
	if c.Leave(); p.Len() != 3 {
		t.Errorf("%d members after c has left twice", p.Len())
	}
	b.Leave()
	if e := enter("e", time.Minute+1); e == nil || lost != "c" {
		t.Errorf("%q lost their room, though there was some", lost)
	}
	a.Leave()
	d.Leave()
	if p.Len() != 1 || len(p.services) != 1 || len(p.sources) != 0 {
		t.Errorf("what is left: %d members, services %v, sources %v", p.Len(), p.services, p.sources)
	}
}

func TestPoolMove(t *testing.T) {
	t.Parallel()
	p := Pool{Size: 4, PerService: 2, PerSource: 2, Patience: time.Minute}
	m := silent(t, &p, "mux", User(1), noon, 2)
	silent(t, &p, "echo", User(2), noon, 2)
	m[0].Work()
	if m[0].Move("echo", noon) || p.services["mux"] != 2 {
		t.Errorf("moved to a service without room: %v", p.services)
	}
	if !m[0].Move("time", noon) || p.services["mux"] != 1 || p.services["time"] != 1 {
		t.Errorf("not moved to a service with room: %v", p.services)
	}
	if !m[0].Move("echo", noon.Add(time.Minute)) || p.services["echo"] != 2 || p.services["time"] != 0 || p.Len() != 3 {
		t.Errorf("a silent client does not make room: %v", p.services)
	}
	m[0].Leave()
	if m[0].Move("mux", noon) || p.services["echo"] != 1 {
		t.Errorf("moved after it left: %v", p.services)
	}
}

// However many clients of other services and sources are there, as long as they
// wait, each service gets some room at once.
func TestPoolKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	p := Pool{Size: 256, PerService: 128, PerSource: 64, Patience: time.Minute}
	for i := range 100_000 {
		m := p.Enter([]string{"a", "b", "c"}[i%3], User(uint32(i)), noon)
		if m == nil {
			break
		}
		m.Evict = func() {}
		m.Wait(noon)
	}
	if p.Len() != p.Size {
		t.Fatalf("%d members", p.Len())
	}
	for i := range 50 {
		silent(t, &p, "d", User(1_000_000+uint32(i)), noon, 1)
		silent(t, &p, "e", User(2_000_000+uint32(i)), noon, 1)
	}
}

// model is a pool as a list, with its rules written down again.
type model struct {
	Pool
	list []*modelMember
}

type modelMember struct {
	*Member
	name    string
	source  Source
	waits   bool
	since   time.Time
	evicted bool
}

func (m *model) have(f func(*modelMember) bool) (n int) {
	for _, x := range m.list {
		if f(x) {
			n++
		}
	}
	return n
}

func (m *model) ofService(name string) int {
	return m.have(func(x *modelMember) bool { return x.name == name })
}

func (m *model) ofSource(s Source) int {
	return m.have(func(x *modelMember) bool { return x.source == s })
}

// enter returns the members of which one has to make room. With need false none has to.
func (m *model) enter(name string, source Source, now time.Time) (out []*modelMember, need bool) {
	service, of := m.ofService(name) >= m.PerService, m.ofSource(source) >= m.PerSource
	if !service && !of && len(m.list) < m.Size {
		return nil, false
	}
	var able []*modelMember
	for _, x := range m.list {
		if x.waits && (!service || x.name == name) && (!of || x.source == source) {
			able = append(able, x)
		}
	}
	if len(able) == 0 {
		return nil, true
	}
	oldest := slices.MinFunc(able, func(a, b *modelMember) int { return a.since.Compare(b.since) })
	if now.Sub(oldest.since) >= m.Patience {
		return only(able, func(x *modelMember) bool { return x.since.Equal(oldest.since) }), true
	}
	able = most(able, func(x *modelMember) int { return m.ofService(x.name) })
	able = most(able, func(x *modelMember) int { return m.ofSource(x.source) })
	if m.ofService(able[0].name) < m.ofService(name)+2 && m.ofSource(able[0].source) < m.ofSource(source)+2 {
		return nil, true
	}
	return most(able, func(x *modelMember) int { return int(now.Sub(x.since)) }), true
}

func only(list []*modelMember, f func(*modelMember) bool) (chosen []*modelMember) {
	for _, x := range list {
		if f(x) {
			chosen = append(chosen, x)
		}
	}
	return chosen
}

func most(list []*modelMember, f func(*modelMember) int) []*modelMember {
	best := f(slices.MaxFunc(list, func(a, b *modelMember) int { return f(a) - f(b) }))
	return only(list, func(x *modelMember) bool { return f(x) == best })
}

// Random clients of few services and sources come, wait, work and go. The pool
// does what the model does, and keeps its bounds.
func TestPoolIsItsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 9))
		m := &model{Pool: Pool{Size: 1 + r.IntN(12), PerService: 1 + r.IntN(8), PerSource: 1 + r.IntN(5), Patience: time.Duration(r.IntN(40))}}
		now := noon
		for step := range 700 {
			now = now.Add(time.Duration(r.IntN(4)))
			m.step(t, r, now, fmt.Sprintf("seed %d, step %d", seed, step))
			if t.Failed() {
				return
			}
		}
	}
}

func (m *model) step(t *testing.T, r *rand.Rand, now time.Time, where string) {
	t.Helper()
	if len(m.list) == 0 || r.IntN(3) == 0 {
		m.come(t, string(rune('a'+r.IntN(4))), User(uint32(r.IntN(6))), now, where)
		return
	}
	x := m.list[r.IntN(len(m.list))]
	switch r.IntN(6) {
	case 0:
		x.Leave()
		m.list = slices.DeleteFunc(m.list, func(y *modelMember) bool { return x == y })
	case 1:
		x.Work()
		x.waits = false
	default:
		x.Wait(now)
		x.waits, x.since = true, now
	}
}

// come has a client enter the pool and compares what happens.
func (m *model) come(t *testing.T, name string, source Source, now time.Time, where string) {
	t.Helper()
	out, need := m.enter(name, source, now)
	x := &modelMember{Member: m.Pool.Enter(name, source, now), name: name, source: source}
	if got, want := x.Member != nil, !need || len(out) > 0; got != want {
		t.Errorf("%s: %s from %s enters: %v, want %v", where, name, source, got, want)
		return
	}
	if gone := only(m.list, func(x *modelMember) bool { return x.evicted }); need && len(out) > 0 && (len(gone) != 1 || !slices.Contains(out, gone[0])) ||
		(!need || len(out) == 0) && len(gone) > 0 {
		t.Errorf("%s: %d lost their room, want one of %d", where, len(gone), len(out))
	}
	m.list = only(m.list, func(x *modelMember) bool { return !x.evicted })
	if x.Member != nil {
		x.Evict = func() { x.evicted = true }
		m.list = append(m.list, x)
	}
	if m.Len() != len(m.list) || m.Len() > m.Size || m.ofService(name) > m.PerService || m.ofSource(source) > m.PerSource {
		t.Errorf("%s: %d members, the model has %d; %d of %s, %d from %s, of a pool %+v", where, m.Len(), len(m.list), m.ofService(name), name, m.ofSource(source), source, m.Pool)
	}
}
