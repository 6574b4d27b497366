package conf

import (
	"math"
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hours string
		at    string // of a day
		open  bool
	}{
		{"08:00-17:30", "07:59:59", false},
		{"08:00-17:30", "08:00:00", true},
		{"8:0-17:30", "12:00:00", true},
		{"08:00-17:30", "17:30:59", true},
		{"08:00-17:30", "17:31:00", false},
		{"22:00-06:00", "23:59:59", true},
		{"22:00-06:00", "00:00:00", true},
		{"22:00-06:00", "06:00:30", true},
		{"22:00-06:00", "06:01:00", false},
		{"22:00-06:00", "21:59:59", false},
		{"12:00-12:00", "12:00:10", true},
		{"12:00-12:00", "12:01:00", false},
		{"00:00-23:59", "23:59:59", true},
	} {
		h, ok := ParseHours(tt.hours)
		at, err := time.Parse(time.TimeOnly, tt.at)
		if !ok || err != nil || h.Has(at) != tt.open {
			t.Errorf("%s has %s: %v (%v, %v)", tt.hours, tt.at, h.Has(at), ok, err)
		}
	}
	for _, bad := range []string{"", "8", "8:00", "8:00-", "24:00-25:00", "8:60-9:00", "8:00-9:00-10:00", "8:00-9:00 ", "-8:00-9:00", "8:-9:", "+8:00-9:00", "8:00–9:00", "08:00:00-09:00:00"} {
		if h, ok := ParseHours(bad); ok {
			t.Errorf("%q is %v", bad, h)
		}
	}
}

// TestShut: a service is closed outside of all its hours, and from its load on.
func TestShut(t *testing.T) {
	t.Parallel()
	noon := time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		keys Keys
		load float64
		why  string
		key  string
	}{
		{Keys{}, math.NaN(), "", ""},
		{Keys{Hours: []Hours{{0, 60}, {700, 730}}}, 0, "", ""},
		{Keys{Hours: []Hours{{0, 60}, {721, 730}}}, 0, "closed at this hour", "hours"},
		{Keys{MaxLoad: 2.5}, 2.49, "", ""},
		{Keys{MaxLoad: 2.5}, 2.5, "load 2.50", "max_load"},
		{Keys{MaxLoad: 2.5}, math.NaN(), "load NaN", "max_load"},
		{Keys{MaxLoad: 2.5, Hours: []Hours{{0, 60}}}, 1, "closed at this hour", "hours"},
		{Keys{MaxLoad: 2.5, Hours: []Hours{{0, 60}}}, 3, "load 3.00", "max_load"},
	} {
		if why, key := tt.keys.Shut(noon, func() float64 { return tt.load }); why != tt.why || key != tt.key {
			t.Errorf("%+v at load %v: %q, %q, want %q, %q", tt.keys, tt.load, why, key, tt.why, tt.key)
		}
	}
	if why, _ := (*Keys)(nil).Shut(noon, nil); why != "" {
		t.Errorf("an entry without keys is closed: %s", why)
	}
}
