package limit

import (
	"cmp"
	"sync/atomic"
	"time"
)

// Pool is room for clients that is shared by services: connections of builtins,
// questions under way, datagram sessions. No service and no source may have more
// than its share, and a client that has long been silent makes room for another.
//
// A Pool belongs to one goroutine, or is guarded by a lock of its owner. Its
// bounds are set before the first client; each is at least 1.
type Pool struct {
	Size       int           // members at once
	PerService int           // of one service
	PerSource  int           // of one source
	Patience   time.Duration // how long a member may wait for its client before it makes room for anybody

	members  []*Member
	services map[string]int
	sources  map[Source]int
}

// Member is a client that has room in a Pool.
type Member struct {
	// Evict is called when the member has lost its room to another, within Enter or Move.
	// It must see to it that the client is soon gone, and must not block. It is set
	// before the first Wait.
	Evict func()

	pool    *Pool
	service string
	source  Source
	at      int          // in pool.members; -1: it has left
	waiting atomic.Int64 // waits for its client since then, in Unix ns; 0: it works
}

// Wait says that the member waits for its client from now on, to send or to
// receive, so that it may lose its room. Any goroutine may call it.
func (m *Member) Wait(now time.Time) { m.waiting.Store(now.UnixNano()) }

// Work says that the member does not wait for its client, as in the beginning,
// and so keeps its room. Any goroutine may call it.
func (m *Member) Work() { m.waiting.Store(0) }

// Len returns the number of members.
func (p *Pool) Len() int { return len(p.members) }

// Room reports whether Enter would find room for a client of a service whose
// source has no member yet. It is asked before the client is accepted.
func (p *Pool) Room(service string, now time.Time) bool {
	_, ok := p.room(service, Source{}, now, false)
	return ok
}

// Enter makes a client a member, or returns nil if there is no room for it. After
// Room, nil means that its source has no room left.
//
// If all room, or that of the service or the source, is taken, one of the members that
// hold it makes room: the one that has waited longest for its client, if that is at least
// the Patience of the pool. Otherwise it is a waiting member of the service that has most
// members, and there of the source that has most, provided that either has at least two
// more than the newcomer's.
func (p *Pool) Enter(service string, source Source, now time.Time) *Member {
	out, ok := p.room(service, source, now, false)
	if !ok {
		return nil
	}
	p.evict(out)
	m := &Member{pool: p, service: service, source: source, at: len(p.members)}
	p.members = append(p.members, m)
	p.count(m, 1)
	return m
}

// Move has a member count for another service. It reports false, and leaves the member
// where it is, if that service has no room.
func (m *Member) Move(service string, now time.Time) bool {
	p := m.pool
	out, ok := p.room(service, m.source, now, true)
	if m.at < 0 || !ok {
		return false
	}
	p.evict(out)
	p.count(m, -1)
	m.service = service
	p.count(m, 1)
	return true
}

// Leave gives up the room of a member. It does nothing if the member has left or lost its
// room before, or is nil.
func (m *Member) Leave() {
	if m == nil || m.at < 0 {
		return
	}
	p := m.pool
	last := p.members[len(p.members)-1]
	p.members[m.at], last.at = last, m.at
	p.members[len(p.members)-1] = nil
	p.members = p.members[:len(p.members)-1]
	m.at = -1
	p.count(m, -1)
}

// count adds n to the members of m's service and source.
func (p *Pool) count(m *Member, n int) {
	if p.services == nil {
		p.services, p.sources = map[string]int{}, map[Source]int{}
	}
	add(p.services, m.service, n)
	if m.source != (Source{}) {
		add(p.sources, m.source, n)
	}
}

// add adds n to a counter, and drops one that has come to 0.
func add[K comparable](counts map[K]int, key K, n int) {
	if counts[key] += n; counts[key] == 0 {
		delete(counts, key)
	}
}

func (p *Pool) evict(m *Member) {
	if m == nil {
		return
	}
	m.Leave()
	m.Evict()
}

// claim is what a newcomer asks of a pool.
type claim struct {
	service     string
	source      Source
	serviceFull bool  // so a member of that service must make room
	sourceFull  bool  // so a member of that source must
	idle        int64 // a member that waits since then has waited long enough, in Unix ns
}

// room finds the member that makes room for a client; nil if none has to. ok is false if
// there is no room. A client that moves is a member already.
func (p *Pool) room(service string, source Source, now time.Time, moves bool) (out *Member, ok bool) {
	c := claim{
		service: service, source: source,
		serviceFull: p.services[service] >= p.PerService,
		sourceFull:  !moves && source != (Source{}) && p.sources[source] >= p.PerSource,
		idle:        now.Add(-p.Patience).UnixNano(),
	}
	if !c.serviceFull && !c.sourceFull && (moves || len(p.members) < p.Size) {
		return nil, true
	}
	var since int64 // since when out waits
	for _, m := range p.members {
		waits := m.waiting.Load()
		if waits == 0 || !c.fits(m) {
			continue
		}
		if out == nil || p.before(&c, m, out, waits, since) {
			out, since = m, waits
		}
	}
	return out, out != nil && (since <= c.idle || p.greedy(out, &c))
}

// fits reports whether the newcomer can have the room of m.
func (c *claim) fits(m *Member) bool {
	return (!c.serviceFull || m.service == c.service) && (!c.sourceFull || m.source == c.source)
}

// before reports whether a makes room rather than b. They have waited since the
// given times.
func (p *Pool) before(c *claim, a, b *Member, sinceA, sinceB int64) bool {
	if min(sinceA, sinceB) <= c.idle {
		return sinceA < sinceB
	}
	return cmp.Or(
		cmp.Compare(p.services[a.service], p.services[b.service]),
		cmp.Compare(p.sources[a.source], p.sources[b.source]),
		cmp.Compare(sinceB, sinceA),
	) > 0
}

// greedy reports whether the service or the source of m has more than that of the
// newcomer, even once the newcomer has m's room.
func (p *Pool) greedy(m *Member, c *claim) bool {
	return p.services[m.service] > p.services[c.service]+1 || p.sources[m.source] > p.sources[c.source]+1
}
