package inetd

import "inetd/internal/watch"

// watch has the given paths watched from now on.
func (s *Server) watch(paths []string) {
	if s.watcher == nil {
		w, err := watch.New()
		if err != nil {
			s.log.Noticef("changes on disk go unnoticed: %v", err)
			return
		}
		s.watcher = w
		go func() {
			for path := range w.Changed() {
				s.mail.post(func() { s.changed(path) })
			}
		}()
	}
	go s.watcher.Set(paths) // it reads the files
}

// changed handles a file that is not what it was at the last load.
func (s *Server) changed(path string) {
	if s.cfg.Watch {
		s.log.Noticef("%s: changed on disk, reloading", path)
		s.reload(nil)
		return
	}
	s.log.Noticef("%s: changed on disk, not reloaded; send SIGHUP", path)
}
