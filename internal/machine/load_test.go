package machine

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLoad: the load is read again when a second has passed, or the clock was set.
func TestLoad(t *testing.T) {
	t.Parallel()
	l := Load{Path: filepath.Join(t.TempDir(), "loadavg")}
	noon := time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		text string // "": there is no file
		at   time.Duration
		want float64
	}{
		{"0.75 0.50 0.25 1/100 4242\n", 0, 0.75},
		{"2.00 0.50 0.25 1/100 4242\n", 999 * time.Millisecond, 0.75},
		{"2.00 0.50 0.25 1/100 4242\n", time.Second, 2},
		{"3.00 0.50 0.25 1/100 4242\n", -time.Hour, 3}, // somebody has set the clock back
		{"", time.Hour, math.NaN()},
		{"nonsense", 2 * time.Hour, math.NaN()},
	} {
		os.Remove(l.Path)
		if step.text != "" {
			if err := os.WriteFile(l.Path, []byte(step.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.At(noon.Add(step.at)); got != step.want && !(math.IsNaN(got) && math.IsNaN(step.want)) {
			t.Errorf("%q after %v: %v, want %v", step.text, step.at, got, step.want)
		}
	}
}

// TestLoadOfThisMachine: the kernel's file has a number.
func TestLoadOfThisMachine(t *testing.T) {
	t.Parallel()
	if v := new(Load).At(time.Now()); !(v >= 0) {
		t.Errorf("load %v", v)
	}
}
