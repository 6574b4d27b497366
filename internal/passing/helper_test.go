package passing

import (
	"bytes"
	"os"
	"testing"

	"inetd/internal/child"
	"inetd/internal/lastwords"
	"inetd/internal/loop"
)

// TestWordsAreTrimmed: if a process has written much, that is forgotten while the process
// still runs. One timer does so, however many processes come and go.
func TestWordsAreTrimmed(t *testing.T) {
	t.Parallel()
	var timers loop.Timers
	rs := New(Loop{Timers: &timers})
	say := func(pid int, text []byte) {
		words, err := lastwords.New()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := child.Low(words.FD())
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "stderr")
		defer f.Close()
		rs.hear(pid, words)
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	last := func(pid int) (said string) {
		rs.hearing(func(_ child.Status, last string) { said = last })(child.Status{Pid: pid})
		return said
	}
	say(7, bytes.Repeat([]byte("a complaint\n"), 10_000))
	say(8, []byte("first\nlast\n"))
	rs.trim()
	if got := last(7); got != "" {
		t.Errorf("of 120 kB there is still %q", got)
	}
	if got := last(8); got != "last" {
		t.Errorf("the last line is %q", got)
	}
	if got := last(8); got != "" || len(rs.words) > 0 {
		t.Errorf("of a process that was told of already: %q, and %d are kept", got, len(rs.words))
	}
	before := timers.Len()
	if rs.trim(); rs.trimming || timers.Len() != before {
		t.Error("it goes on for nobody")
	}
	say(9, nil)
	say(10, nil)
	if timers.Len() != before+1 {
		t.Errorf("%d timers for two processes", timers.Len()-before)
	}
	last(9)
	last(10)
}
