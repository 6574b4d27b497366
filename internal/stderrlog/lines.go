package stderrlog

import (
	"bytes"
	"time"
)

// lineLimit is how many bytes of a line are kept.
const lineLimit = 1024

// splitter cuts what a server writes into lines. Its zero value is at the start
// of a line. It has memory of its own only while a line is incomplete.
type splitter struct {
	part []byte // of a line whose end has not come yet, up to lineLimit
	cut  bool   // the line is longer than part
}

// write calls emit with each line that ends in b, without its line end. Blank lines are
// left out, and long ones are cut. emit must not keep its argument.
func (s *splitter) write(b []byte, emit func([]byte)) {
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		switch {
		case !whole:
			s.keep(line)
			return
		case s.part == nil && len(line) <= lineLimit:
			s.emit(line, emit)
		default:
			s.keep(line)
			s.end(emit)
		}
		b = rest
	}
}

// keep adds to the line as much as there is room for.
func (s *splitter) keep(b []byte) {
	if room := lineLimit - len(s.part); len(b) > room {
		b, s.cut = b[:room], true
	}
	s.part = append(s.part, b...)
}

// end calls emit with the line whose end has not come, if there is one.
func (s *splitter) end(emit func([]byte)) {
	s.emit(s.part, emit)
	*s = splitter{}
}

func (s *splitter) emit(line []byte, emit func([]byte)) {
	line = bytes.TrimRight(line, "\r")
	if s.cut {
		line = append(line, "..."...)
	}
	if len(bytes.TrimSpace(line)) > 0 {
		emit(line)
	}
}

// How many lines may be logged within a window. The log has a queue of limited length, in
// which the daemon's own lines must find room.
const (
	window       = 10 * time.Second
	serviceLines = 50  // of the servers of one service
	allLines     = 500 // of all servers
)

// budget counts lines within a window.
type budget struct {
	until      time.Time // the end of the window
	lines      int       // that were logged
	suppressed int       // that were not
}

// over reports whether the window has passed.
func (b *budget) over(now time.Time) bool { return !now.Before(b.until) }

// lastLines are the last few lines of a server, each up to a length. Its memory is
// used again, so a server that writes without end makes no garbage.
type lastLines struct {
	ring [lastCount][]byte
	n    int // lines that were added
}

const (
	lastCount = 4
	lastLimit = 256 // bytes of a line
)

func (l *lastLines) add(line []byte) {
	at := &l.ring[l.n%lastCount]
	*at = append((*at)[:0], line[:min(len(line), lastLimit)]...)
	l.n++
}

// strings returns the lines, oldest first.
func (l *lastLines) strings() (lines []string) {
	for i := max(0, l.n-lastCount); i < l.n; i++ {
		lines = append(lines, string(l.ring[i%lastCount]))
	}
	return lines
}
