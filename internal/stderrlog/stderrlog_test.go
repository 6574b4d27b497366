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
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		r.Fatal(err)
	}
	if err := r.Add(p[0], service, pid, peer); err != nil {
		r.Fatal(err)
	}
	return os.NewFile(uintptr(p[1]), "stderr")
}

func (r testReader) expect(want ...string) {
	r.Helper()
	for _, w := range want {
		select {
		case got := <-r.lines:
			if got != w {
				r.Errorf("got %q, want %q", got, w)
			}
		case <-time.After(20 * time.Second):
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
	if err := r.Add(0, "late", 1, ""); err == nil {
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

// TestSuppressedIsTold: it is told when the time is over, though nobody writes
// any more, and then the service may log again.
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
	if len(r.servers) > 0 {
		t.Errorf("%d servers are left", len(r.servers))
	}
}
