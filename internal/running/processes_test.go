package running

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestProcesses: processes are found, removed and gone through in the order of their ids,
// in whatever order they begin and end.
func TestProcesses(t *testing.T) {
	t.Parallel()
	r, _, _, _ := newTable(t)
	ids := []int{-2, -1, 1, 7, 99, 300, 4000, 1 << 22}
	for _, at := range rand.Perm(len(ids)) {
		r.all.add(&Process{PID: ids[at]})
	}
	left := slices.Clone(ids)
	for _, at := range rand.Perm(len(ids)) {
		var got []int
		for id, p := range r.All() {
			if got = append(got, id); p.PID != id || r.Find(id) != p {
				t.Errorf("id %d: %+v, found %+v", id, p, r.Find(id))
			}
		}
		if !slices.Equal(got, left) || r.Len() != len(left) {
			t.Fatalf("%d processes %d, want %d", r.Len(), got, left)
		}
		id := ids[at]
		r.all.remove(r.Find(id))
		if r.Find(id) != nil {
			t.Fatalf("%d is found after its end", id)
		}
		left = slices.DeleteFunc(left, func(have int) bool { return have == id })
	}
}

// BenchmarkProcesses has one process after the other begin while 10,000 others run, of
// which one ends.
func BenchmarkProcesses(b *testing.B) {
	const running = 10_000
	var all processes
	for id := range running {
		all.add(&Process{PID: id})
	}
	b.ReportAllocs()
	for next := running; b.Loop(); next++ {
		p := all.find(all[rand.IntN(running)].PID)
		all.remove(p)
		p.PID = next
		all.add(p)
	}
}
