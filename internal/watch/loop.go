package watch

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// A burst of events is over after quiet without one, and after patience at
// the latest: an editor may take several steps to write a file.
const (
	quiet    = 300 * time.Millisecond
	patience = 2 * time.Second
	interval = 10 * time.Second // between two looks of a degraded Watcher
)

// An opener gives an inotify instance.
type opener func() (*fsnotify.Watcher, error)

func openInotify() (*fsnotify.Watcher, error) { return fsnotify.NewWatcher() }

// loop is one goroutine's own. Events are only hints to look: what counts is
// the content, and an event that was lost or came late does no harm.
type loop struct {
	*Watcher
	open   opener
	fs     *fsnotify.Watcher // nil: there is none to be had
	events <-chan fsnotify.Event
	errors <-chan error

	files  []*file
	unsent []string         // changes nobody has received yet
	first  time.Time        // the first hint since the last look, or zero
	timer  *time.Timer      // when to look
	tick   <-chan time.Time // only while degraded
}

// file is a path of Set and what was there.
type file struct {
	name, path string // as given, absolute
	loaded     digest // at Set
	told       digest // at the last look
}

func newLoop(w *Watcher, open opener) *loop {
	l := &loop{Watcher: w, open: open, timer: time.NewTimer(quiet)}
	l.timer.Stop()
	return l
}

func (l *loop) run() {
	defer close(l.done)
	for {
		var out chan string
		var next string
		if len(l.unsent) > 0 {
			out, next = l.changed, l.unsent[0]
		}
		select {
		case out <- next:
			l.unsent = l.unsent[1:]
		case e := <-l.events:
			if e.Op != fsnotify.Chmod {
				l.hint()
			}
		case <-l.errors: // events were lost
			l.hint()
		case <-l.timer.C:
			l.look()
		case <-l.tick:
			l.glance()
		case r := <-l.sets:
			l.set(r.paths)
			close(r.done)
		case <-l.stop:
			l.err = l.close()
			return
		}
	}
}

// set starts anew with paths. Watching begins before the files are read, so
// that no change falls in between.
func (l *loop) set(paths []string) {
	l.files, l.unsent, l.first = nil, nil, time.Time{}
	l.timer.Stop()
	seen := make(map[string]bool, len(paths))
	for _, name := range paths {
		path, err := filepath.Abs(name)
		if err != nil || seen[name] {
			continue
		}
		seen[name] = true
		l.files = append(l.files, &file{name: name, path: path})
	}
	l.follow()
	for _, f := range l.files {
		f.loaded = read(f.path)
		f.told = f.loaded
	}
}

// hint has the loop look when the files are quiet.
func (l *loop) hint() {
	if l.first.IsZero() {
		l.first = time.Now()
	}
	l.timer.Reset(min(quiet, time.Until(l.first.Add(patience))))
}

// look compares every file with what was told of it.
func (l *loop) look() {
	l.first = time.Time{}
	l.follow()
	for _, f := range l.files {
		now := read(f.path)
		if now == f.told {
			continue
		}
		f.told = now
		l.unsent = slices.DeleteFunc(l.unsent, func(name string) bool { return name == f.name })
		if now != f.loaded {
			l.unsent = append(l.unsent, f.name)
		}
	}
}

// glance stands for the events of a degraded Watcher.
func (l *loop) glance() {
	if slices.ContainsFunc(l.files, func(f *file) bool { return read(f.path) != f.told }) {
		l.hint()
	}
}

// follow watches the places the files depend on now.
func (l *loop) follow() {
	want := make(map[string]bool)
	for _, f := range l.files {
		for _, place := range places(f.path) {
			want[place] = true
		}
	}
	l.degrade(cmp.Or(l.watch(want), l.remote()))
}

// watch asks inotify for the wanted places, also for those it watches
// already: another directory may have taken the name. A place that is missing
// is noticed by its parent.
func (l *loop) watch(want map[string]bool) error {
	if l.fs == nil {
		fs, err := l.open()
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		l.fs, l.events, l.errors = fs, fs.Events, fs.Errors
	}
	for _, place := range l.fs.WatchList() {
		if !want[place] {
			_ = l.fs.Remove(place) // fails if the place itself is gone
		}
	}
	var failed error
	for place := range want {
		err := l.fs.Add(place)
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			failed = fmt.Errorf("watch %s: %w", place, err)
		}
	}
	return failed
}

// degrade notes why inotify is not enough, or that it is.
func (l *loop) degrade(why error) {
	l.mu.Lock()
	l.degraded = why
	l.mu.Unlock()
	if why == nil {
		l.tick = nil
	} else if l.tick == nil {
		l.tick = time.Tick(interval)
	}
}

func (l *loop) close() error {
	if l.fs == nil {
		return nil
	}
	return l.fs.Close()
}
