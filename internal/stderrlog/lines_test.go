package stderrlog

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// lines returns what a splitter makes of text that comes in pieces.
func lines(pieces ...string) (list []string) {
	var s splitter
	emit := func(line []byte) { list = append(list, string(line)) }
	for _, p := range pieces {
		s.write([]byte(p), emit)
	}
	s.end(emit)
	return list
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", lineLimit)
	for _, tt := range []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"nothing", nil, nil},
		{"a line", []string{"one\n"}, []string{"one"}},
		{"no end", []string{"one\ntwo"}, []string{"one", "two"}},
		{"in pieces", []string{"o", "n", "e\ntw", "o\n"}, []string{"one", "two"}},
		{"blank lines", []string{"\n\n \t\n\r\none\n\n"}, []string{"one"}},
		{"carriage return", []string{"one\r\ntwo\r", "\n"}, []string{"one", "two"}},
		{"at the limit", []string{long + "\n"}, []string{long}},
		{"at the limit, in pieces", []string{long[:10], long[10:], "\n"}, []string{long}},
		{"over the limit", []string{long + "y\nz\n"}, []string{long + "...", "z"}},
		{"over the limit, in pieces", []string{long, "y", "y\nz\n"}, []string{long + "...", "z"}},
		{"over the limit, no end", []string{long + "y"}, []string{long + "..."}},
	} {
		if got := lines(tt.pieces...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %.60q, want %.60q", tt.name, got, tt.want)
		}
	}
}

// A line is not part of the buffer that it was read into, and no line costs
// memory once it is complete.
func TestSplitterKeepsNothing(t *testing.T) {
	var s splitter
	buf := []byte("par")
	s.write(buf, func([]byte) { t.Error("no line is complete") })
	copy(buf, "xxx")
	s.write([]byte("tial\n"), func(line []byte) {
		if string(line) != "partial" {
			t.Errorf("got %q", line)
		}
	})
	if s.part != nil || s.cut {
		t.Errorf("%+v", s)
	}
	text := []byte("one\ntwo\nthree\n")
	if n := testing.AllocsPerRun(10, func() { s.write(text, func([]byte) {}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLines: it makes no difference in which pieces text comes, and every line
// of it comes out.
func FuzzLines(f *testing.F) {
	f.Add("one\ntwo\r\n\nthree", uint16(5))
	f.Add(strings.Repeat("x", lineLimit+1)+"\n\x00\xff", uint16(lineLimit))
	f.Add("\r\r\n\n \n", uint16(1))
	f.Fuzz(func(t *testing.T, text string, n uint16) {
		at := min(int(n), len(text))
		got := lines(text[:at], text[at:])
		var want []string
		for _, line := range strings.Split(text, "\n") {
			cut := len(line) > lineLimit
			line = strings.TrimRight(line[:min(len(line), lineLimit)], "\r")
			if cut {
				line += "..."
			}
			if strings.TrimSpace(line) != "" {
				want = append(want, line)
			}
		}
		if !slices.EqualFunc(got, want, func(a, b string) bool { return bytes.Equal([]byte(a), []byte(b)) }) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
