package inetd

import (
	"inetd/internal/plan"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The texts of the keys banner, banner_success and banner_fail are read with the
// configuration, so that none of them is read on the event loop.

// show sends a client a text, which fits into the send buffer. It reports whether there
// is one.
func (s *Server) show(conn int, path string) bool {
	text := s.now.Banners[path]
	if text == "" {
		return false
	}
	unix.SendmsgN(conn, []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	return true
}

// showFirst sends the text that is for every client.
func (s *Server) showFirst(v *table.Service, conn int) {
	if k := v.Do.Keys; k != nil && k.Banner != "" {
		s.show(conn, k.Banner)
	}
}

// welcome tells a client that its server begins, as far as the service has words for
// that.
func (s *Server) welcome(v *table.Service, conn int) {
	v.GoAhead(conn)
	if k := v.Do.Keys; k != nil && k.BannerSuccess != "" && v.Do.Mode == plan.Accept {
		s.show(conn, k.BannerSuccess)
	}
}
