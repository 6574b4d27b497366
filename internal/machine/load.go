package machine

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// loadAge is how long a load average is used. The kernel makes a new one every five
// seconds.
const loadAge = time.Second

// Load reads the load average of this machine over the last minute. It belongs to one
// goroutine.
type Load struct {
	Path  string // "": /proc/loadavg
	read  time.Time
	value float64
}

// At returns the load average at the time now. It reads it once a second at most. If the
// kernel does not tell, the result is not a number (NaN).
func (l *Load) At(now time.Time) float64 {
	if age := now.Sub(l.read); age >= 0 && age < loadAge {
		return l.value
	}
	path := l.Path
	if path == "" {
		path = "/proc/loadavg"
	}
	l.read, l.value = now, math.NaN()
	text, _ := os.ReadFile(path) // procfs does not block
	first, _, _ := strings.Cut(string(text), " ")
	if v, err := strconv.ParseFloat(first, 64); err == nil {
		l.value = v
	}
	return l.value
}
