package machine

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// loadAge is how old a load average may be. The kernel makes a new one every five
// seconds.
const loadAge = time.Second

// Load tells the load average of this machine over the last minute. It belongs to one
// goroutine.
type Load struct {
	Path  string // "": /proc/loadavg
	read  time.Time
	value float64
}

// At returns the load average at some moment, which it looks up once a second. Where
// the kernel does not tell it is not a number.
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
