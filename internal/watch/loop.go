package watch

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

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
type opener func() (*inotify, error)

// loop belongs to one goroutine. Events are only hints to look: what counts is the
// content, and an event that was lost or came late does no harm.
type loop struct {
	*Watcher
	open    opener
	kernel  *inotify // nil: none could be opened
	events  <-chan []event
	watches map[int]interest // by the number of the watch

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
		case list := <-l.events:
			if slices.ContainsFunc(list, l.tells) {
				l.hint()
			}
		case <-l.timer.C:
			l.look()
		case <-l.tick:
			l.glance()
		case r := <-l.sets:
			l.set(r.paths)
			close(r.done)
		case <-l.stop:
			if l.kernel != nil {
				_ = l.kernel.file.Close()
			}
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

// hint has the loop look when the burst of events is over.
func (l *loop) hint() {
	if l.first.IsZero() {
		l.first = time.Now()
	}
	l.timer.Reset(min(quiet, time.Until(l.first.Add(patience))))
}

// look compares every file with what it was at the last look.
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

// glance replaces the events that a degraded Watcher may not get.
func (l *loop) glance() {
	if slices.ContainsFunc(l.files, func(f *file) bool { return read(f.path) != f.told }) {
		l.hint()
	}
}

// tells reports whether an event is a reason to look. One of a watch that has ended is
// not.
func (l *loop) tells(e event) bool {
	i, known := l.watches[e.watch]
	return e.watch < 0 || known && i.tells(e)
}

// follow watches the places the files depend on now. If others have changed these
// meanwhile it does so again, because no event may tell.
func (l *loop) follow() {
	for range 3 {
		all := l.wanted()
		l.degrade(cmp.Or(l.watch(all), l.remote()))
		if l.settled(all) {
			return
		}
	}
	l.hint()
}

// watch asks inotify for the wanted places, also for those it watches already:
// something else may have taken the name.
func (l *loop) watch(all interests) error {
	if l.kernel == nil {
		kernel, err := l.open()
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		l.kernel, l.events = kernel, kernel.events
		go kernel.run(l.stop)
	}
	now := make(map[int]interest, len(all))
	var failed error
	for place, i := range all {
		number, err := l.kernel.add(place, i.mask)
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR): // gone: see follow
			continue
		case err != nil:
			failed = fmt.Errorf("watch %s: %w", place, err)
			continue
		}
		if other, ok := now[number]; ok { // one file under two names
			i = interest{i.mask | other.mask, i.names + other.names}
			_, _ = l.kernel.add(place, i.mask)
		}
		now[number] = i
	}
	for number := range l.watches {
		if _, ok := now[number]; !ok {
			l.kernel.remove(number)
		}
	}
	l.watches = now
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
