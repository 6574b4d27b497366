// Package watch tells when files are no longer what they were. In go the paths of files
// and directories; out comes each path whose content changed on disk, once it is quiet
// again. It knows nothing of what the files mean.
package watch

import "sync"

// Watcher compares files with what they were at the last Set.
type Watcher struct {
	changed chan string
	sets    chan request
	stop    chan struct{} // closed by Close
	done    chan struct{} // closed when the loop has ended
	closing sync.Once

	mu       sync.Mutex
	degraded error
}

// request carries the paths of one Set to the loop.
type request struct {
	paths []string
	done  chan struct{}
}

// New returns a Watcher that watches nothing yet. Where the kernel cannot tell
// of changes the Watcher looks by itself every ten seconds, and Degraded says
// why.
func New() *Watcher { return start(openInotify) }

func start(open opener) *Watcher {
	w := newWatcher()
	go newLoop(w, open).run()
	return w
}

func newWatcher() *Watcher {
	return &Watcher{
		changed: make(chan string),
		sets:    make(chan request),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
}

// Set replaces what is watched: files and directories, with the content they
// have on disk at this moment; a path may as well be missing. The content of
// a directory is that of its files, except those whose names begin with a dot
// or end with a tilde. Changes not yet received from Changed are forgotten.
// Set reads every file before it returns.
func (w *Watcher) Set(paths []string) {
	r := request{paths, make(chan struct{})}
	select {
	case w.sets <- r:
		<-r.done
	case <-w.done:
	}
}

// Changed returns a channel of each path, as it was written in Set, whose content is not
// what it was at Set: once per path, and again when it changes further. A change that is
// undone before it was received is not sent. The channel is never closed.
func (w *Watcher) Changed() <-chan string { return w.changed }

// Each calls f with each path from Changed, until the Watcher has ended.
func (w *Watcher) Each(f func(path string)) {
	for {
		select {
		case path := <-w.changed:
			f(path)
		case <-w.done:
			return
		}
	}
}

// Degraded says why changes may be reported ten seconds late, or returns nil.
func (w *Watcher) Degraded() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.degraded
}

// Close ends the watching. It does not wait, since the goroutine of the Watcher may be
// reading from a file system that does not answer. It may be called more than once.
func (w *Watcher) Close() { w.closing.Do(func() { close(w.stop) }) }
