package table

import (
	"slices"
)

// same reports whether a service is the same after a reload.
func (v *Service) same(w *Service) bool {
	a, b := v.First, w.First
	for a != nil && b != nil && a.Spec == b.Spec {
		a, b = a.Next, b.Next
	}
	return a == nil && b == nil && *v.Do.Action == *w.Do.Action
}

// Changes is what a reload changes: the labels of services.
type Changes struct {
	Added, Changed, Removed []string
	Kept                    int // number of unchanged services
}

// Compare returns what a reload from old to now changes. Services are compared by their
// labels, which several may share.
func Compare(old, now []*Service) (out Changes) {
	before := make(map[string][]*Service, len(old))
	for _, v := range old {
		before[v.Label] = append(before[v.Label], v)
	}
	var differ []*Service
	for _, v := range now {
		if i := slices.IndexFunc(before[v.Label], v.same); i >= 0 {
			before[v.Label] = slices.Delete(before[v.Label], i, i+1)
			out.Kept++
			continue
		}
		differ = append(differ, v)
	}
	for _, v := range differ {
		if left := before[v.Label]; len(left) > 0 {
			before[v.Label] = left[1:]
			out.Changed = append(out.Changed, v.Label)
			continue
		}
		out.Added = append(out.Added, v.Label)
	}
	for _, v := range old {
		if slices.Contains(before[v.Label], v) {
			out.Removed = append(out.Removed, v.Label)
		}
	}
	return out
}
