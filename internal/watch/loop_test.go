package watch

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

var errNoInotify = errors.New("too many open files")

func noInotify() (*inotify, error) { return nil, errNoInotify }

// lost is what inotify tells when its queue has overflowed.
var lost = event{watch: -1, mask: unix.IN_Q_OVERFLOW}

// bubble runs f with a Watcher without inotify in fake time. Events come from
// f alone.
func bubble(t *testing.T, f func(d tree, w *Watcher, events chan<- []event)) {
	t.Helper()
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWatcher()
		events := make(chan []event)
		l := newLoop(w, noInotify)
		l.events = events
		go l.run()
		f(tree{t, root}, w, events)
		w.Close()
	})
}

// told returns the path that Changed has sent by now, or "".
func told(w *Watcher) string {
	synctest.Wait()
	select {
	case name := <-w.Changed():
		return name
	default:
		return ""
	}
}

// A burst is waited out, but not for ever.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		events int           // how many
		every  time.Duration // between two
		event  event
		want   time.Duration // from the first event
	}{
		{"one event", 1, 0, lost, quiet},
		{"five events", 5, 100 * time.Millisecond, lost, 400*time.Millisecond + quiet},
		{"events without end", 50, 100 * time.Millisecond, lost, patience},
		{"events of a watch that has ended", 5, 100 * time.Millisecond, event{watch: 1}, interval + quiet}, // the slow look finds it
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(d tree, w *Watcher, events chan<- []event) {
				conf := d.path("conf")
				w.Set([]string{conf})
				begin := time.Now()
				d.write("conf", "new")
				go func() {
					for range tt.events {
						events <- []event{tt.event}
						time.Sleep(tt.every)
					}
				}()
				if got := <-w.Changed(); got != conf {
					t.Errorf("told %q", got)
				}
				if took := time.Since(begin); took != tt.want {
					t.Errorf("told after %v, want %v", took, tt.want)
				}
				time.Sleep(time.Hour)
				if again := told(w); again != "" {
					t.Errorf("told %q again", again)
				}
			})
		})
	}
}

// What is undone was no change, in one burst or over several looks.
func TestUndone(t *testing.T) {
	t.Parallel()
	const old, gone = "old", ""
	bubble(t, func(d tree, w *Watcher, events chan<- []event) {
		conf := d.path("conf")
		d.write("conf", old)
		w.Set([]string{conf})
		for _, tt := range []struct {
			name string
			text string
			wait time.Duration
			want string
		}{
			{"missing for a moment", gone, quiet / 2, ""},
			{"back in time", old, patience, ""},
			{"missing", gone, patience, conf},
			{"back", old, patience, ""},
			{"changed", "new", patience, conf},
			{"changed further", "newer", patience, conf},
			{"what it was", old, patience, ""},
			{"changed again", "newer", patience, conf},
		} {
			d.remove("conf")
			if tt.text != gone {
				d.write("conf", tt.text)
			}
			events <- []event{lost}
			time.Sleep(tt.wait)
			if got := told(w); got != tt.want {
				t.Errorf("%s: told %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

// A change that is undone before anybody received it is not told.
func TestUndoneInTime(t *testing.T) {
	t.Parallel()
	bubble(t, func(d tree, w *Watcher, events chan<- []event) {
		w.Set([]string{d.path("conf")})
		for _, change := range []func(){
			func() { d.write("conf", "new") },
			func() { d.remove("conf") },
		} {
			change()
			events <- []event{lost}
			time.Sleep(patience)
		}
		if got := told(w); got != "" {
			t.Errorf("told %q", got)
		}
	})
}

func TestLostEvents(t *testing.T) {
	t.Parallel()
	bubble(t, func(d tree, w *Watcher, events chan<- []event) {
		w.Set([]string{d.path("conf")})
		d.write("conf", "new")
		events <- []event{lost}
		time.Sleep(quiet)
		if told(w) != d.path("conf") {
			t.Error("not told")
		}
	})
}

// Set forgets what was about to be told.
func TestSetForgets(t *testing.T) {
	t.Parallel()
	bubble(t, func(d tree, w *Watcher, events chan<- []event) {
		paths := []string{d.path("conf")}
		w.Set(paths)
		d.write("conf", "new")
		events <- []event{lost}
		time.Sleep(patience)
		w.Set(paths)
		if got := told(w); got != "" {
			t.Errorf("told %q", got)
		}
		d.write("conf", "newer")
		events <- []event{lost}
		w.Set(paths)
		time.Sleep(time.Minute)
		if got := told(w); got != "" {
			t.Errorf("told %q", got)
		}
	})
}

// Without inotify the Watcher looks by itself, and tries inotify again.
func TestDegraded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := tree{t, root}
		w := start(noInotify)
		ok(t, w.Degraded())
		w.Set([]string{d.path("conf")})
		if err := w.Degraded(); !errors.Is(err, errNoInotify) {
			t.Errorf("Degraded: %v", err)
		}
		begin := time.Now()
		d.write("conf", "new")
		if got := <-w.Changed(); got != d.path("conf") {
			t.Errorf("told %q", got)
		}
		if took := time.Since(begin); took != interval+quiet {
			t.Errorf("told after %v", took)
		}
		w.Close()
	})
}

func TestRecovers(t *testing.T) {
	t.Parallel()
	tries := 0
	w := start(func() (*inotify, error) {
		if tries++; tries == 1 {
			return nil, errNoInotify
		}
		return openInotify()
	})
	defer w.Close()
	d := tree{t, t.TempDir()}
	paths := []string{d.path("conf")}
	w.Set(paths)
	if w.Degraded() == nil {
		t.Error("not degraded")
	}
	w.Set(paths)
	ok(t, w.Degraded())
	d.write("conf", "new")
	if got := next(t, w); got != paths[0] {
		t.Errorf("told %q", got)
	}
}

// A directory that must not be read cannot be watched.
func TestUnreadableDirectory(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	w := New()
	defer w.Close()
	d := tree{t, t.TempDir()}
	d.mkdir("etc")
	ok(t, os.Chmod(d.path("etc"), 0o300))
	w.Set([]string{d.path("etc/conf")})
	if err := w.Degraded(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Degraded: %v", err)
	}
}

// What is not a file is never opened: a pipe would block.
func TestSpecial(t *testing.T) {
	t.Parallel()
	d := tree{t, t.TempDir()}
	d.mkdir("inetd.d/sub")
	ok(t, syscall.Mkfifo(d.path("inetd.d/fifo"), 0o600))
	for _, tt := range []struct {
		path string
		want digest
	}{
		{d.path("inetd.d/fifo"), special},
		{os.DevNull, special},
		{d.path("nothing"), missing},
		{d.path("inetd.d/fifo/x"), missing},
	} {
		if got := read(tt.path); got != tt.want {
			t.Errorf("read(%q) = %d, want %d", tt.path, got, tt.want)
		}
		interests{}.find(tt.path)
	}
	if got := read(d.path("inetd.d")); got == missing || got == special {
		t.Errorf("a directory with a pipe in it: %d", got)
	}
}
