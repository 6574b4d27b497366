package syslog

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gsyslog "github.com/hashicorp/go-syslog"
)

// fake stands for go-syslog and the daemon behind it.
type fake struct {
	mu    sync.Mutex
	err   error // what every attempt to dial or write gives
	dials int
	tries int // dials in vain, and writes
	lines []string
}

func (f *fake) dial(string) (gsyslog.Syslogger, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	if f.err != nil {
		f.tries++
		return nil, f.err
	}
	return f, nil
}

// tried returns how many dials were in vain, plus how many writes were tried.
func (f *fake) tried() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tries
}

func (f *fake) WriteLevel(p gsyslog.Priority, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	if f.err != nil {
		return f.err
	}
	f.lines = append(f.lines, fmt.Sprintf("%d %s", p, b))
	return nil
}

func (f *fake) Write(b []byte) (int, error) { return len(b), f.WriteLevel(gsyslog.LOG_INFO, b) }
func (f *fake) Close() error                { return nil }

func (f *fake) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines
}

func (f *fake) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

var errNoSocket = errors.New("no socket")

// stderrLines returns the lines in b without ident and pid.
func stderrLines(b *bytes.Buffer) []string {
	text := strings.ReplaceAll(b.String(), fmt.Sprintf("inetd[%d]: ", os.Getpid()), "")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestStderr(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := New(Options{Ident: "inetd", Target: Stderr, Stderr: &b})
	l.Errorf("err %d", 1)
	l.Warningf("warning %q", "x")
	l.Noticef("notice")
	l.Infof("info")
	l.Log(Err, "line\n\x1b")
	l.Log(Debug, "debug line")
	l.Close(time.Minute)
	l.Errorf("after Close")
	l.Close(time.Minute)

	pid := fmt.Sprintf("inetd[%d]: ", os.Getpid())
	want := pid + "err 1\n" + pid + "warning \"x\"\n" + pid + "notice\n" + pid + "info\n" + pid + `line\n\x1b` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		level   Priority
		enabled []bool // Err to Debug
	}{
		{0, []bool{true, true, true, true, false}},
		{Err, []bool{true, false, false, false, false}},
		{Debug, []bool{true, true, true, true, true}},
	} {
		l := New(Options{Target: Stderr, Level: tt.level})
		for i, want := range tt.enabled {
			if p := Err + Priority(i); l.enabled(p) != want {
				t.Errorf("level %d: enabled(%d) = %v", tt.level, p, !want)
			}
		}
		l.Close(time.Minute)
	}
}

func TestDroppedLinesCostNothing(t *testing.T) {
	l := New(Options{Target: Stderr})
	defer l.Close(time.Minute)
	if n := testing.AllocsPerRun(100, func() { l.Log(Debug, "accepted") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAlso(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	f := &fake{}
	l := start(Options{Ident: "inetd", Also: true, Stderr: &b}, f.dial)
	l.Errorf("one")
	l.Noticef("two")
	l.Close(time.Minute)
	expect(t, "syslog", f.sent(), []string{"3 one", "5 two"})
	expect(t, "stderr", stderrLines(&b), []string{"one", "two"})
}

func TestOpenedLazily(t *testing.T) {
	t.Parallel()
	f := &fake{}
	l := start(Options{}, f.dial)
	l.Log(Debug, "dropped")
	l.Close(time.Minute)
	if f.dials != 0 {
		t.Errorf("dialled %d times for no line", f.dials)
	}
}

// Without a syslog daemon lines go to standard error, and the first line after it has
// come back reaches it. Both changes are logged once.
func TestLostAndBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		f := &fake{err: errNoSocket}
		l := start(Options{Ident: "inetd", Stderr: &b}, f.dial)
		log := func(text string) {
			l.Errorf("%s", text)
			synctest.Wait()
		}
		for range 3 {
			f.set(errNoSocket)
			log("lost")
			log("lost")
			f.set(nil)
			log("back")
			log("back")
		}
		l.Close(time.Minute)
		lost := []string{"no syslog socket, logging to standard error", "lost", "lost"}
		back := []string{"5 syslog is back (lines on standard error meanwhile: 2)", "3 back", "3 back"}
		expect(t, "stderr", stderrLines(&b), slices.Concat(lost, lost, lost))
		expect(t, "syslog", f.sent(), slices.Concat(back, back, back))
	})
}

// A syslog daemon that does not read is left alone for 1, 2, 4 ... 60 seconds.
func TestStuckAndBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		f := &fake{err: os.ErrDeadlineExceeded}
		l := start(Options{Ident: "inetd", Stderr: &b}, f.dial)
		log := func(text string, after time.Duration, tries int) {
			t.Helper()
			time.Sleep(after)
			l.Errorf("%s", text)
			synctest.Wait()
			if f.tries != tries {
				t.Errorf("%s: tried %d times, want %d", text, f.tries, tries)
			}
		}
		log("a", 0, 1)
		log("b", time.Second-1, 1)
		log("c", 1, 2)
		log("d", 2*time.Second-1, 2)
		log("e", 1, 3)
		f.set(nil)
		log("f", 4*time.Second-1, 3)
		log("g", 1, 5) // that it is back, and the line
		f.set(os.ErrDeadlineExceeded)
		log("h", 0, 6)
		log("i", 8*time.Second-1, 6)
		f.set(nil)
		log("j", 1, 8)
		l.Close(time.Minute)
		expect(t, "stderr", stderrLines(&b), []string{
			"the syslog daemon does not read, logging to standard error",
			"a", "b", "c", "d", "e", "f",
			"the syslog daemon does not read, logging to standard error",
			"h", "i",
		})
		expect(t, "syslog", f.sent(), []string{
			"5 syslog is back (lines on standard error meanwhile: 6)", "3 g",
			"5 syslog is back (lines on standard error meanwhile: 2)", "3 j",
		})
	})
}

func TestPauseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		f := &fake{err: os.ErrDeadlineExceeded}
		l := start(Options{Stderr: &b}, f.dial)
		defer l.Close(time.Minute)
		for range 600 {
			l.Errorf("line")
			synctest.Wait()
			time.Sleep(time.Second)
		}
		// 1+2+4+8+16+32 = 63 s for six attempts, then one a minute.
		if want := 7 + (600-63)/60; f.tries < want-1 || f.tries > want+1 {
			t.Errorf("tried %d times in ten minutes, want %d", f.tries, want)
		}
	})
}

// Where there is neither a syslog daemon nor a standard error, as at boot in
// the background, lines wait.
func TestLinesWait(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, o := range []Options{{}, {Stderr: null}, {Stderr: null, Also: true}} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{err: errNoSocket}
			l := start(o, f.dial)
			l.Errorf("one")
			l.Errorf("two")
			time.Sleep(10 * time.Second)
			f.set(nil)
			time.Sleep(10 * time.Second)
			expect(t, "syslog", f.sent(), []string{"5 syslog is back", "3 one", "3 two"})
			l.Close(time.Minute)
		})
	}
}

// Lines that wait are tried after 1, 2, 4 ... 60 seconds, however many have come
// meanwhile, and at once when another one comes.
func TestWaitingLinesAreTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errNoSocket}
		l := start(Options{}, f.dial)
		defer l.Close(time.Minute)
		for range 20 {
			l.Errorf("line")
			synctest.Wait()
		}
		before := f.tried()
		if before < 20 {
			t.Errorf("tried %d times for 20 lines", before)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := f.tried() - before; n != 1 {
			t.Errorf("tried %d times a second later", n)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := f.tried() - before; n < 13 || n > 15 { // 1+2+4+8+16+32 = 63 s for six, then one a minute
			t.Errorf("tried %d times in ten minutes", n)
		}
		f.set(nil)
		l.Errorf("line")
		synctest.Wait()
		if n := len(f.sent()); n != 22 {
			t.Errorf("%d lines", n)
		}
	})
}

// A reader that stops holds up nobody; what does not fit is counted where
// the gap is.
func TestFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errNoSocket}
		l := start(Options{}, f.dial)
		for i := range queueLimit + 7 {
			l.Errorf("line %d", i)
		}
		synctest.Wait()
		f.set(nil)
		time.Sleep(time.Minute)
		l.Errorf("after")
		l.Close(time.Minute)
		var want []string
		want = append(want, "5 syslog is back")
		for i := range queueLimit {
			want = append(want, fmt.Sprintf("3 line %d", i))
		}
		expect(t, "syslog", f.sent(), append(want, "4 7 log lines were lost", "3 after"))
	})
}

// Many callers at once lose and tear nothing that fits.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := New(Options{Ident: "inetd", Target: Stderr, Stderr: &b})
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range queueLimit / 8 {
				l.Infof("line")
			}
		})
	}
	g.Wait()
	l.Close(time.Minute)
	if n := strings.Count(b.String(), ": line\n"); n != queueLimit {
		t.Errorf("%d lines, want %d", n, queueLimit)
	}
}

// Close waits for a reader that does not read only as long as it was told to, and tries
// once more a syslog daemon that is being left alone.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		l := start(Options{}, func(string) (gsyslog.Syslogger, error) { <-stuck; return nil, errNoSocket })
		l.Errorf("line")
		synctest.Wait()
		before := time.Now()
		l.Close(100 * time.Millisecond)
		if d := time.Since(before); d != 100*time.Millisecond {
			t.Errorf("Close took %v", d)
		}
		close(stuck)
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errNoSocket}
		l := start(Options{}, f.dial)
		l.Errorf("line")
		synctest.Wait()
		f.set(nil)
		l.Close(time.Minute)
		expect(t, "syslog", f.sent(), []string{"5 syslog is back", "3 line"})
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{err: errNoSocket}
		l := start(Options{}, f.dial)
		l.Errorf("line")
		before := time.Now()
		l.Close(time.Minute)
		if d := time.Since(before); d != 0 {
			t.Errorf("Close waited %v for nobody", d)
		}
	})
}

// The real library and a real socket whose owner does not read at first.
func TestStalledCollector(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	l := start(Options{Ident: "inetd", Stderr: stderr}, func(ident string) (gsyslog.Syslogger, error) {
		return gsyslog.DialLogger("unixgram", path, gsyslog.LOG_INFO, "DAEMON", ident)
	})
	const lines = 1000 // more than any kernel queues for a collector
	for i := range lines {
		l.Errorf("line %d", i)
	}
	l.Close(time.Minute)
	text, err := os.ReadFile(stderr.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte("the syslog daemon does not read, logging to standard error\n")) {
		t.Errorf("stderr does not say so: %.200q", text)
	}
	buf := make([]byte, 16<<10)
	for seen := bytes.Count(text, []byte("]: line ")); seen < lines; seen++ {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(buf); err != nil {
			t.Fatalf("%d lines of %d arrived: %v", seen, lines, err)
		}
	}
}

// TestDialledAnew: a connection that has failed is not used again. go-syslog would connect
// anew by itself, but only once, even if a busy machine makes that too late.
func TestDialledAnew(t *testing.T) {
	t.Parallel()
	var f fake
	l := start(Options{Stderr: &bytes.Buffer{}}, f.dial)
	for _, err := range []error{nil, errNoSocket, nil} {
		f.set(err)
		l.Noticef("line")
		l.Flush(time.Minute)
	}
	l.Close(time.Minute)
	if f.dials != 2 || len(f.sent()) != 3 {
		t.Errorf("dialled %d times, sent %q", f.dials, f.sent())
	}
}

// TestDialAgain: a syslog daemon is looked for again when a busy machine has kept the
// program from reaching it in time, and not when it is missing.
func TestDialAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		late, fails, want int
	}{
		{"there", 0, 0, 1}, {"missing", 0, 9, 1}, {"late", 2, 2, 3}, {"missing later", 2, 9, 3}, {"always late", 9, 9, maxDials},
	} {
		synctest.Test(t, func(t *testing.T) {
			dials := 0
			_, err := dialAgain(func(string) (gsyslog.Syslogger, error) {
				if dials++; dials <= tt.late {
					time.Sleep(dialTime)
				}
				if dials <= tt.fails {
					return nil, errors.New("Unix syslog delivery error")
				}
				return &fake{}, nil
			}, "inetd")
			if dials != tt.want || (err != nil) != (tt.fails >= tt.want) {
				t.Errorf("%s: dialled %d times, want %d: %v", tt.name, dials, tt.want, err)
			}
		})
	}
}
