package main

import (
	"math"
	"testing"
)

var nan = math.NaN()

// same is equality, but NaN equals NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"none", nil, nan},
		{"one", []float64{3}, 3},
		{"odd", []float64{9, 1, 5}, 5},
		{"even", []float64{4, 1, 2, 9}, 3},
		{"gaps", []float64{nan, 7, nan, 1, 2}, 2},
		{"only gaps", []float64{nan, nan}, nan},
	} {
		if got := median(tt.values); !same(got, tt.want) {
			t.Errorf("%s: median %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestMedianLeavesItsArgument(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	if values[0] != 3 || values[2] != 2 {
		t.Errorf("values are %v after median", values)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{hundred, 0.50, 51},
		{hundred, 0.99, 100},
		{hundred, 1, 100},
		{[]float64{7}, 0.99, 7},
		{nil, 0.5, nan},
	} {
		if got := quantile(tt.values, tt.q); !same(got, tt.want) {
			t.Errorf("quantile %v of %d values is %v, want %v", tt.q, len(tt.values), got, tt.want)
		}
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		kind       kind
		one, other []float64
		want       float64
	}{
		{"of each round", ratio, []float64{10, 100, 1000}, []float64{20, 200, 500}, 2},
		{"a gap in the base", ratio, []float64{nan, 10}, []float64{5, 5}, 0.5},
		{"a shorter base", ratio, []float64{10}, []float64{5, 50}, 0.5},
		{"no base", ratio, nil, []float64{5}, nan},
		{"amount", amount, []float64{4}, []float64{-2, -4, -6}, -4},
		{"count", count, []float64{0}, []float64{1, 0, 2}, 3},
	} {
		s := series{kind: tt.kind}
		for i, v := range tt.one {
			s.put(referenceName, i, v)
		}
		for i, v := range tt.other {
			s.put("x", i, v)
		}
		if got := s.relative("x"); !same(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	var s series
	s.put("x", 2, 5)
	if got := s.values["x"]; len(got) != 3 || !math.IsNaN(got[0]) || got[2] != 5 {
		t.Errorf("after a figure for round 2: %v, want gaps before it", got)
	}
	c := series{kind: count}
	c.put("x", 0, 2)
	c.put("x", 0, 3)
	if got := c.absolute("x"); got != 5 {
		t.Errorf("counts of 2 and 3 in one round are %v, want 5", got)
	}
}

func TestBest(t *testing.T) {
	t.Parallel()
	daemons := []string{referenceName, oursName, "a", "b", "c"}
	for _, tt := range []struct {
		higher bool
		want   string
	}{{true, "b"}, {false, "a"}} {
		s := series{higher: tt.higher}
		for d, v := range map[string]float64{referenceName: 99, oursName: 0, "a": 1, "b": 2, "c": nan} {
			s.put(d, 0, v)
		}
		if got := s.best(daemons); got != tt.want {
			t.Errorf("higher %v: best is %q, want %q", tt.higher, got, tt.want)
		}
	}
	if got := new(series).best(daemons); got != "" {
		t.Errorf("best of nothing is %q", got)
	}
}

func TestMissingKeepsTheFirstReason(t *testing.T) {
	t.Parallel()
	var r results
	r.missing("a", "burst", "first")
	r.missing("a", "burst", "second")
	r.missing("a", "dgram", "third")
	if len(r.gaps) != 2 || r.gaps[0].reason != "first" {
		t.Errorf("gaps are %v, want the first reason of each group", r.gaps)
	}
}
