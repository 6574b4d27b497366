// This file notices files that have changed on disk, upon which the loop reloads or logs.

package inetd

import (
	"slices"

	"inetd/internal/watch"
)

// watch returns the watcher of the files, which it makes when first called.
func (s *Server) watch() *watch.Watcher {
	if s.watcher != nil {
		return s.watcher
	}
	s.watcher = watch.New()
	go s.watcher.Each(func(path string) {
		s.mail.Post(func() { s.changed(path) })
	})
	return s.watcher
}

// watched lists what the last load found worth watching; before the first load, what the
// command line names.
func (s *Server) watched() []string {
	if s.ready {
		return s.now.Watch
	}
	return s.cfg.Files
}

// changed handles a file that is not what it was at the last load.
func (s *Server) changed(path string) {
	if s.cfg.Watch {
		s.log.Noticef("%s: changed on disk, reloading", path)
		s.reload(nil)
		return
	}
	if !slices.Contains(s.changedFiles, path) {
		s.changedFiles = append(s.changedFiles, path)
	}
	s.log.Noticef("%s: changed on disk, not reloaded; send SIGHUP", path)
}

// degraded logs once that changes are noticed late, and why.
func (s *Server) degraded() {
	if err := s.watcher.Degraded(); err != nil && !s.slowWatch {
		s.slowWatch = true
		s.log.Noticef("changes on disk are noticed within 10 s only: %v", err)
	}
}
