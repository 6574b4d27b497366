package main

import (
	"cmp"
	"math"
	"slices"
)

// results holds every figure of a run, and why others are missing.
type results struct {
	series []*series
	gaps   []gap
}

// series is one measure: a figure for each daemon and round, NaN where there is none.
type series struct {
	name   string
	unit   string
	higher bool   // the higher the better
	kind   kind   // how the rounds become one figure
	base   string // the daemon that is 1.00 in the table of ratios; "": the reference
	relays bool   // it measures daemons that pass connections on, which have a table of their own
	values map[string][]float64
}

type kind int

const (
	ratio  kind = iota // median over the rounds, shown as a ratio to the base
	amount             // median, shown as it is: it may be zero or negative
	count              // sum over the rounds, shown as it is
)

// gap says why a daemon has no figure, or only a part of them, in a group of measures.
type gap struct{ daemon, group, reason string }

// missing notes why figures are missing; the first reason of a group counts.
func (r *results) missing(daemon, group, reason string) {
	if !r.lacks(daemon, group) {
		r.gaps = append(r.gaps, gap{daemon, group, reason})
	}
}

// lacks reports whether figures of the daemon are missing in the group.
func (r *results) lacks(daemon, group string) bool {
	return slices.ContainsFunc(r.gaps, func(g gap) bool { return g.daemon == daemon && g.group == group })
}

// put stores the figure of a round; counts of the same round add up.
func (s *series) put(daemon string, round int, v float64) {
	if s.values == nil {
		s.values = map[string][]float64{}
	}
	list := s.values[daemon]
	for len(list) <= round {
		list = append(list, math.NaN())
	}
	if s.kind == count && !math.IsNaN(list[round]) {
		v += list[round]
	}
	list[round] = v
	s.values[daemon] = list
}

// one returns the daemon that is 1.00.
func (s *series) one() string { return cmp.Or(s.base, referenceName) }

// absolute returns the daemon's figure over all rounds.
func (s *series) absolute(daemon string) float64 {
	if s.kind == count {
		return sum(s.values[daemon])
	}
	return median(s.values[daemon])
}

// relative returns the daemon's figure as a ratio to the base: the median of the
// ratios of the rounds. The figures of one round were taken within seconds.
func (s *series) relative(daemon string) float64 {
	if s.kind != ratio {
		return s.absolute(daemon)
	}
	var ratios []float64
	for i, v := range s.values[daemon] {
		if ones := s.values[s.one()]; i < len(ones) {
			ratios = append(ratios, v/ones[i])
		}
	}
	return median(ratios)
}

// leads reports whether a is a better figure than b.
func (s *series) leads(a, b float64) bool {
	if s.higher {
		return a > b
	}
	return a < b
}

// best returns the peer with the best figure besides the reference and ours;
// "" if none has one.
func (s *series) best(daemons []string) string {
	best := ""
	for _, d := range daemons {
		if d == referenceName || d == oursName || math.IsNaN(s.absolute(d)) {
			continue
		}
		if best == "" || s.leads(s.absolute(d), s.absolute(best)) {
			best = d
		}
	}
	return best
}

// numbers returns the values that are not NaN, sorted.
func numbers(values []float64) []float64 {
	list := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(list)
	return list
}

// median returns the middle of the values that are not NaN; NaN if there are none.
func median(values []float64) float64 {
	list := numbers(values)
	if len(list) == 0 {
		return math.NaN()
	}
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// sum adds the values that are not NaN; NaN if there are none.
func sum(values []float64) float64 {
	list := numbers(values)
	if len(list) == 0 {
		return math.NaN()
	}
	total := 0.0
	for _, v := range list {
		total += v
	}
	return total
}

// quantile returns the value below which the share q of the values lies.
func quantile(values []float64, q float64) float64 {
	list := numbers(values)
	if len(list) == 0 {
		return math.NaN()
	}
	return list[min(int(q*float64(len(list))), len(list)-1)]
}
