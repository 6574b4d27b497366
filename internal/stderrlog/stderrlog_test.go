package stderrlog

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testReader is a Reader whose lines can be waited for.
type testReader struct {
	*testing.T
	*Reader
	lines chan string
}

func newReader(t *testing.T, window time.Duration) testReader {
	t.Helper()
	lines := make(chan string, 10_000)
	r, err := start(func(line string) { lines <- line }, window)
	if err != nil {
		t.Fatal(err)
	}
	return testReader{t, r, lines}
}

// server returns the write end of the standard error of a server.
func (r testReader) server(service string, pid int, peer string) *os.File {
	r.Helper()
	w, _ := r.source(service, pid, peer)
	return w
}

func (r testReader) source(service string, pid int, peer string) (*os.File, *Source) {
	r.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		r.Fatal(err)
	}
	s, err := r.Add(p[0], service, pid, peer)
	if err != nil {
		r.Fatal(err)
	}
	return os.NewFile(uintptr(p[1]), "stderr"), s
}

// counts returns the number of sources whose servers have ended, and of all.
func (r testReader) counts() (left, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.left), len(r.sources)
}

func (r testReader) expect(want ...string) {
	r.Helper()
	for _, w := range want {
		select {
		case got := <-r.lines:
			if got != w {
				r.Errorf("got %q, want %q", got, w)
			}
		case <-time.After(time.Minute):
			r.Fatalf("waited in vain for %q", w)
		}
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	r := newReader(t, time.Hour)
	a := r.server("finger/tcp", 12, "192.0.2.1:4000")
	b := r.server("talk/udp", 13, "")
	a.WriteString("one\ntw")
	r.expect("finger/tcp[12] 192.0.2.1:4000: one")
	b.WriteString("other\n")
	r.expect("talk/udp[13]: other")
	a.WriteString("o\nthree")
	r.expect("finger/tcp[12] 192.0.2.1:4000: two")
	a.Close()
	r.expect("finger/tcp[12] 192.0.2.1:4000: three")
	c := r.server("finger/tcp", 14, "") // may have the descriptor of the first
	c.WriteString("last")
	b.WriteString("end\n")
	r.expect("talk/udp[13]: end")
	r.Close()
	r.expect("finger/tcp[14]: last")
	if _, err := r.Add(0, "late", 1, ""); err == nil {
		t.Error("Add after Close")
	}
}

// TestReaderNeverBlocks: a server that writes without end is read without end,
// and what the log has no room for is counted. The others are heard all the same.
func TestReaderNeverBlocks(t *testing.T) {
	t.Parallel()
	r := newReader(t, time.Hour)
	loud, quiet := r.server("loud/tcp", 1, ""), r.server("quiet/tcp", 2, "")
	const wrote = 100_000
	for range wrote / 1000 { // 20 times what the pipe holds
		if _, err := loud.WriteString(strings.Repeat("Help! I am lost\n", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	quiet.WriteString("well\n")
	for heard := false; !heard; {
		heard = <-r.lines == "quiet/tcp[2]: well"
	}
	loud.Close()
	r.Close()
	close(r.lines)
	logged, last := serviceLines, ""
	for last = range r.lines {
		if last == "loud/tcp[1]: Help! I am lost" {
			t.Error("one more line")
		}
	}
	if want := fmt.Sprintf("loud/tcp: standard error: %d lines suppressed", wrote-logged); last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
}

// TestSuppressedIsTold: the number of lines left out is logged when the window is over,
// though nobody writes any more, and then the service may log again.
func TestSuppressedIsTold(t *testing.T) {
	t.Parallel()
	r := newReader(t, 100*time.Millisecond)
	w := r.server("loud/tcp", 1, "")
	for range 2 {
		w.WriteString(strings.Repeat("Help!\n", serviceLines+1))
		for range serviceLines {
			r.expect("loud/tcp[1]: Help!")
		}
		r.expect("loud/tcp: standard error: 1 line suppressed")
	}
	w.Close()
	r.Close()
	if len(r.lines) > 0 {
		t.Errorf("%q", <-r.lines)
	}
}

// TestManyServers: a server costs a descriptor, and neither a thread nor a
// goroutine.
func TestManyServers(t *testing.T) {
	r := newReader(t, time.Hour)
	threads, goroutines := pprof.Lookup("threadcreate").Count(), runtime.NumGoroutine()
	const many = 300
	var ends []*os.File
	for i := range many {
		ends = append(ends, r.server("many/tcp", i, ""))
	}
	for i, w := range ends {
		w.WriteString("here\n")
		if i < serviceLines {
			r.expect(fmt.Sprintf("many/tcp[%d]: here", i))
		}
	}
	if n := runtime.NumGoroutine() - goroutines; n > 10 {
		t.Errorf("%d more goroutines for %d servers", n, many)
	}
	if n := pprof.Lookup("threadcreate").Count() - threads; n > 20 {
		t.Errorf("%d more threads for %d servers", n, many)
	}
	for _, w := range ends {
		w.Close()
	}
	r.Close()
	r.expect(fmt.Sprintf("many/tcp: standard error: %d lines suppressed", many-serviceLines))
	if len(r.sources) > 0 {
		t.Errorf("%d servers are left", len(r.sources))
	}
}

// TestLast: Last returns the last lines of a server as soon as they are written, also
// those that are not logged, and after its end.
func TestLast(t *testing.T) {
	t.Parallel()
	r := newReader(t, time.Hour)
	defer r.Close()
	w, s := r.source("loud/tcp", 1, "")
	if got := s.Last(); len(got) > 0 {
		t.Errorf("%q before the first", got)
	}
	for i := range serviceLines + 10 {
		fmt.Fprintln(w, "line", i)
	}
	fmt.Fprint(w, strings.Repeat("x", lastLimit+1))
	w.Close()
	s.Ended()
	want := fmt.Sprintf("[line 57 line 58 line 59 %s]", strings.Repeat("x", lastLimit))
	if got := fmt.Sprint(s.Last()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLeft: the pipes of servers that have ended are still read, but no more than a few:
// then the oldest is given up, and this is logged.
func TestLeft(t *testing.T) {
	t.Parallel()
	r := newReader(t, time.Hour)
	defer r.Close()
	var ends []*os.File
	var sources []*Source
	for i := range maxLeft + 2 {
		w, s := r.source(fmt.Sprintf("left%d/tcp", i), i, "")
		ends, sources = append(ends, w), append(sources, s)
		defer w.Close()
	}
	ends[1].Close() // it leaves nothing
	for _, s := range sources {
		s.Ended()
	}
	r.expect("left0/tcp[0]: its standard error is no longer read: it has ended, as many others that have left it to a process")
	if _, err := ends[0].WriteString("x\n"); err == nil {
		t.Error("the oldest is still open")
	}
	ends[2].WriteString("still here\n")
	r.expect("left2/tcp[2]: still here")
	if left, sources := r.counts(); left != maxLeft || sources != left {
		t.Errorf("%d are left of %d", left, sources)
	}
	sources[0].Ended() // does nothing: its descriptor may be another's
	if n, _ := r.counts(); n != maxLeft {
		t.Errorf("%d are left", n)
	}
}

// TestAllServices: together services are given no more lines than the log has room for.
func TestAllServices(t *testing.T) {
	t.Parallel()
	r := newReader(t, time.Hour)
	const services = allLines/serviceLines + 2
	for i := range services {
		w := r.server(fmt.Sprint("loud", i), i, "")
		w.WriteString(strings.Repeat("Help!\n", serviceLines))
		w.Close()
	}
	r.Close()
	logged, suppressed := 0, 0
	for len(r.lines) > 0 {
		if line := <-r.lines; strings.HasSuffix(line, ": Help!") {
			logged++
		} else if strings.HasSuffix(line, fmt.Sprintf(": %d lines suppressed", serviceLines)) {
			suppressed++
		}
	}
	if logged != allLines || suppressed != 2 {
		t.Errorf("%d lines were logged, and %d services told of theirs", logged, suppressed)
	}
}
